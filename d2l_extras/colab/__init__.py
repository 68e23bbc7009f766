"""Prepare the machine that a notebook runs on, in the notebook's first cell."""

from .first_cell import CannotRun, prepare

__all__ = ["CannotRun", "prepare"]
