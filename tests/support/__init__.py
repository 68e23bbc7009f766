"""Provide what the tests share: small books, a browser, and a static host."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
