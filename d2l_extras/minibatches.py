"""Split arrays in memory into minibatches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

# How many numbers to gather per call to a framework: the pixels of 4,096 images.
# A smaller number means more calls. With twice as many (26 MB), the C library
# returns the memory to the system and requests it again in every epoch, which
# takes longer.
AT_ONCE = 4096 * 28 * 28


class Minibatches:
    """Split arrays in memory into minibatches, anew in every epoch.

    Each iteration over the object is one epoch. It yields one tuple per
    minibatch, with `batch_size` examples of each array. The last minibatch may
    be smaller. With `shuffle`, every epoch has a different order, and the same
    `seed` gives the same epochs. Raises TypeError or ValueError if the arrays or
    `batch_size` cannot be used.

    Several minibatches are gathered in one call and then cut apart, because the
    call takes longer than copying the examples of one small minibatch. A
    framework's subclass overrides only `place`, `gather`, and `cut`.
    """

    def __init__(self, *arrays: Any, batch_size: int, shuffle: bool = False,
                 seed: int | None = None):
        if not arrays:
            raise TypeError("no arrays were passed; pass at least one, as in "
                            "Minibatches(X, y, batch_size=256)")
        try:
            lengths = [len(array) for array in arrays]
        except TypeError as error:
            raise TypeError("the first axis of each array must count the "
                            f"examples, but one array has no axes: {error}"
                            ) from None
        if len(set(lengths)) > 1:
            raise ValueError(f"the arrays have {lengths} examples; pass arrays "
                             "with the same number of examples")
        if (not isinstance(batch_size, (int, np.integer))
                or isinstance(batch_size, bool)):
            raise TypeError("batch_size must be a whole number of examples, "
                            f"such as 256, not {batch_size!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self.arrays, self.batch_size = arrays, int(batch_size)
        self.shuffle, self.num_examples = shuffle, lengths[0]
        self._generator = np.random.default_rng(seed)

    def place(self, order: np.ndarray) -> Any:
        """Convert the order of a shuffled epoch, int64, to what `gather` needs."""
        return order

    def gather(self, array: Any, indices: Any) -> Any:
        """Return the examples of several minibatches from one array.

        In a shuffled epoch, `cut` makes `indices` from what `place` returned.
        Otherwise, `indices` is a slice, so nothing needs to be copied.
        """
        return array[indices]

    def cut(self, examples: Any, size: int) -> Iterable[Any]:
        """Cut examples, or the order of an epoch, into parts of at most `size`."""
        return (examples[start : start + size]
                for start in range(0, len(examples), size))

    def __len__(self) -> int:
        return math.ceil(self.num_examples / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        order = None
        if self.shuffle and self.num_examples:
            order = self.place(self._generator.permutation(self.num_examples))
        yield from zip(*(self._read(array, order) for array in self.arrays))

    def _read(self, array: Any, order: Any) -> Iterator[Any]:
        per_example = math.prod(getattr(array, "shape", ())[1:])
        several = max(1, AT_ONCE // max(1, per_example * self.batch_size))
        step = several * self.batch_size
        if order is None:
            parts = (slice(start, start + step)
                     for start in range(0, self.num_examples, step))
        else:
            parts = self.cut(order, step)
        for part in parts:
            yield from self.cut(self.gather(array, part), self.batch_size)

    def __repr__(self) -> str:
        return (f"{type(self).__name__}({self.num_examples:,} examples in "
                f"{len(self):,} minibatches of {self.batch_size}, "
                f"{'shuffled' if self.shuffle else 'in order'})")
