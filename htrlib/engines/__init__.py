"""Engines run the networks. No module above this package imports a framework."""
