"""The version, which other modules need without the package around it."""

__version__ = "0.1.0"
