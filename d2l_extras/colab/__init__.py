"""The first cell of a notebook: it prepares the machine that the notebook runs on."""

from .first_cell import CannotRun, prepare

__all__ = ["CannotRun", "prepare"]
