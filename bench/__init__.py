"""Measure the book, and write docs/benchmarks.md (see `make bench`)."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
