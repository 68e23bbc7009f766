"""Show progress in a way that still reads well once training is complete."""

from __future__ import annotations

import uuid

from .ipython import display, is_batch, shell

MAX_WIDTH = 50  # characters that a phone shows without scrolling


class Progress:
    """Show a bar above a table that grows by one row per step, such as an epoch.

    `total` is the number of steps. `columns` are the headings, and the first one
    names the step. In an interactive notebook, one output is updated in place.
    In batch execution, that output appears once it is complete. Outside a
    notebook, each row is printed when it is added. Nothing in the output depends
    on the clock. Raises ValueError if `total` is less than 1 or the headings do
    not fit in 50 characters.
    """

    def __init__(self, total: int, *columns: str):
        if total < 1:
            raise ValueError(f"total is {total}; pass at least 1 step")
        self.total, self.columns = total, columns
        self.widths = [max(len(column), 6) for column in columns]
        self.width = sum(self.widths) + 2 * (len(columns) - 1)
        if not columns or self.width > MAX_WIDTH:
            raise ValueError(
                f"the headings take {max(self.width, 0)} characters; use between "
                f"1 and {MAX_WIDTH}, so that the table fits on a phone"
            )
        self.rows: list[str] = []
        self._id = uuid.uuid4().hex  # not saved in the notebook file
        self._show()

    def add(self, *values: float) -> None:
        """Append a row, with floats rounded to three decimals.

        Raises ValueError if there is not exactly one value per column, or if the
        table is already complete.
        """
        if len(values) != len(self.columns):
            raise ValueError(
                f"add got {len(values)} values for the columns "
                f"{', '.join(self.columns)}; pass one value per column"
            )
        if len(self.rows) == self.total:
            raise ValueError(
                f"total is {self.total}, but this would be one more row; set "
                "total to the number of times that you call add"
            )
        texts = (
            str(value) if isinstance(value, int) else f"{value:.3f}"
            for value in values
        )
        self.rows.append(self._line(texts))
        self._show()

    def __str__(self) -> str:
        return "\n".join([self._bar(), self._line(self.columns), *self.rows])

    def _bar(self) -> str:
        done = len(self.rows)
        label = f"{self.columns[0]} {done}/{self.total} "
        length = max(self.width - len(label) - 2, 5)
        filled = length * done // self.total
        return f"{label}[{'=' * filled}{' ' * (length - filled)}]"

    def _line(self, texts) -> str:
        pairs = zip(texts, self.widths)
        return "  ".join(f"{text:>{width}}" for text, width in pairs)

    def _show(self) -> None:
        if shell() is None:
            print(self.rows[-1] if self.rows else self._line(self.columns))
            return
        if is_batch():
            if len(self.rows) == self.total:
                display({"text/plain": str(self)})
            return
        display(
            {"text/plain": str(self)},
            display_id=self._id,
            update=bool(self.rows),
        )
