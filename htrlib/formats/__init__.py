"""What a result is written as: one writer a module."""
