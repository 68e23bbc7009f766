"""Helpers shared by the book's notebooks."""

__version__ = "0.1.0"
