"""Extend Sphinx, which turns the pages in chapters/ into notebooks and the book."""
