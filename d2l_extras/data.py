"""Fashion-MNIST as NumPy arrays, and minibatches of arrays in memory.

``python -m d2l_extras.data`` says where each file was found, and downloads
those that were not.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import sys
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import filelock
import numpy as np
import platformdirs

CLASS_NAMES = ("t-shirt/top", "trouser", "pullover", "dress", "coat",
               "sandal", "shirt", "sneaker", "bag", "ankle boot")
VARIABLE = "D2L_EXTRAS_DATA"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# TensorFlow's copy, the authors' bucket and repository, and MXNet's copy.
MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ("https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
     "gluon/dataset/fashion-mnist/"),
)
# SHA-256 of the unpacked bytes: whoever packs the files again, as Debian
# does, changes the packed ones.
FILES = {
    "train-images-idx3-ubyte":
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte":
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte":
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte":
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
TIMEOUT = 20  # seconds without a byte from a mirror
PAUSES = (0, 1, 2, 4)  # seconds before each attempt at a mirror that cuts us
CHUNK = 1 << 16  # bytes
# Numbers that one call to a framework gathers: those of 4,096 images. Fewer
# take more calls; the memory of twice as many (26 MB), the C library returns to
# the system and asks for anew in each epoch, which takes longer still.
AT_ONCE = 4096 * 28 * 28


class DatasetNotAvailable(OSError):
    """No intact copy was found; the message lists each place and its answer."""


class FashionMNIST(NamedTuple):
    """Training and test images with their labels, as NumPy arrays.

    Images: uint8 of shape (examples, 28, 28), read-only, 0 (background) to
    255. Labels: int32 of shape (examples,), indices into ``CLASS_NAMES``.
    Source: Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def __repr__(self) -> str:
        arrays = (f"{name} {array.shape} {array.dtype}"
                  for name, array in zip(self._fields, self))
        return (f"FashionMNIST: {len(self.X_train):,} training and "
                f"{len(self.X_test):,} test images\n  " + "\n  ".join(arrays))


def fashion_mnist(
    directory: str | os.PathLike | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
) -> FashionMNIST:
    """Load Fashion-MNIST from this machine, or download it into a cache.

    Searched in order: `directory`, or else the environment variable
    D2L_EXTRAS_DATA (where either is given, nowhere else); the user's cache
    directory; Debian's package dataset-fashion-mnist; `mirrors`, each the
    address of a folder. Files may be packed (.gz) or not; the SHA-256 of
    every unpacked file is checked. Raises DatasetNotAvailable.
    """
    found = _find(directory, mirrors)
    X_train, y_train, X_test, y_test = (
        decode_idx(found[name].data, name) for name in FILES)
    return FashionMNIST(X_train, y_train.astype(np.int32),
                        X_test, y_test.astype(np.int32))


def text_labels(y: Iterable[Any]) -> list[str]:
    """Return the class names of integer labels, of any framework's array.

    Raises ValueError where a label is not one of 0 to 9.
    """
    labels = [int(label) for label in y]
    for label in labels:
        if not 0 <= label < len(CLASS_NAMES):
            raise ValueError(f"there is no class {label}: give labels "
                             f"from 0 to {len(CLASS_NAMES) - 1}")
    return [CLASS_NAMES[label] for label in labels]


def decode_idx(data: bytes, name: str = "these data") -> np.ndarray:
    """Return the bytes of an idx file as a read-only uint8 array.

    Header: two zero bytes, 8 for uint8, the number of dimensions, then each
    dimension as a big-endian uint32. Raises ValueError where header and length
    disagree. Source: LeCun, Cortes and Burges, the MNIST database.
    """
    start = 4 + 4 * int.from_bytes(data[3:4], "big")
    if data[:3] != b"\0\0\x08" or not 4 < start <= len(data):
        raise ValueError(f"{name}: not an idx file of unsigned bytes: it begins"
                         f" with {data[:4].hex(' ')}, not 00 00 08 and the "
                         "number of dimensions, or ends within the header")
    shape = tuple(np.frombuffer(data[4:start], ">u4").tolist())
    if start + math.prod(shape) != len(data):
        raise ValueError(f"{name}: the header says {shape}, "
                         f"{start + math.prod(shape)} bytes in all, but there "
                         f"are {len(data)}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


class Minibatches:
    """Minibatches of arrays in memory: iterate over it once an epoch.

    Yields one tuple a minibatch, with `batch_size` examples of each array;
    the last may have fewer. With `shuffle`, every epoch has an order of its
    own, and the same `seed` gives the same epochs. Raises TypeError or
    ValueError for arrays or a `batch_size` that cannot be used.

    Several minibatches are gathered at once and then cut apart, of each array
    as many as make a call worth its while: for small ones it takes longer than
    the copying that it asks for. A framework's subclass overrides `place`,
    `gather` and `cut`, and nothing else.
    """

    def __init__(self, *arrays: Any, batch_size: int, shuffle: bool = False,
                 seed: int | None = None):
        if not arrays:
            raise TypeError("no arrays were given: pass at least one, as in "
                            "Minibatches(X, y, batch_size=256)")
        try:
            lengths = [len(array) for array in arrays]
        except TypeError as error:
            raise TypeError("each array needs a first axis, the examples, "
                            f"but: {error}") from None
        if len(set(lengths)) > 1:
            raise ValueError(f"the arrays hold {lengths} examples: pass as "
                             "many labels as images")
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
        """Return the order of a shuffled epoch, int64, as the rest wants it."""
        return order

    def gather(self, array: Any, indices: Any) -> Any:
        """Return the examples of one array that a few minibatches hold.

        `indices` is a part, as `cut` cuts it, of what `place` returned where
        the epoch is shuffled, and a slice, which need not copy, where it is
        not.
        """
        return array[indices]

    def cut(self, examples: Any, size: int) -> Iterable[Any]:
        """Cut examples, or an order, into parts of `size`, the last smaller."""
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
        numbers = math.prod(getattr(array, "shape", ())[1:])  # an example's
        several = max(1, AT_ONCE // max(1, numbers * self.batch_size))
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


class _Fault(Exception):
    """What a place answered instead of the file."""


class _Cut(_Fault):
    """A download that stopped on its way, and may be resumed."""


class _Damaged(_Fault):
    """Bytes that are not those of the authors' file."""


class _Found(NamedTuple):
    source: str
    data: bytes  # unpacked


def _cache() -> Path:
    cache = platformdirs.user_cache_path("d2l_extras", appauthor=False)
    return cache / "fashion-mnist"


def _find(directory: str | os.PathLike | None,
          mirrors: Sequence[str] = MIRRORS) -> dict[str, _Found]:
    given = directory or os.environ.get(VARIABLE)
    cache = _cache()
    places = [Path(given).expanduser()] if given else [cache, DEBIAN]
    found: dict[str, _Found] = {}
    tried: list[str] = []
    for name in FILES:
        for place in places:
            try:
                found[name] = _read(place, name)
                break
            except _Fault as fault:
                tried.append(str(fault))
                if isinstance(fault, _Damaged) and not given:
                    warnings.warn(f"Passing over {fault}", stacklevel=3)
    missing = [name for name in FILES if name not in found]
    if missing and given:
        origin = "" if directory else f", which {VARIABLE} names"
        tried.append("nowhere else, since this directory was asked for: "
                     f"{given}{origin}")
        raise _unavailable(missing, tried)
    if missing:
        unkept: list[str] = []
        with _locked(cache, unkept) as keep:
            for name in missing:
                found[name] = _download(name, cache, keep, mirrors, tried,
                                        unkept)
        if unkept:
            warnings.warn(f"{unkept[0]}. Fashion-MNIST is in memory all the "
                          "same, and will be downloaded again next time: make "
                          "room there, or make it writable.", stacklevel=3)
    return found


def _read(place: Path, name: str) -> _Found:
    fault = _Fault(f"{place / name}.gz: no such file")
    for path in (place / f"{name}.gz", place / name):
        try:
            return _Found(str(path), _unpack(path.read_bytes(), FILES[name]))
        except FileNotFoundError:
            continue
        except OSError as error:
            fault = _Fault(f"{path}: {_reason(error)}")
        except _Damaged as error:
            fault = _Damaged(f"{path}: {error}")
    raise fault


def _unpack(data: bytes | bytearray, sha256: str) -> bytes:
    try:
        unpacked = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise _Damaged(f"damaged or truncated ({error})") from error
    digest = hashlib.sha256(unpacked).hexdigest()
    if digest != sha256:
        raise _Damaged(f"wrong checksum: SHA-256 is {digest[:12]}..., "
                       f"should be {sha256[:12]}...")
    return bytes(unpacked)


def _unavailable(names: list[str], tried: list[str]) -> DatasetNotAvailable:
    packed = ", ".join(f"{name}.gz" for name in FILES)
    places = "\n  ".join(tried)
    return DatasetNotAvailable(
        f"Fashion-MNIST is not available, for want of {', '.join(names)}.\n"
        f"Tried:\n  {places}\n"
        "What to do: on Debian, `sudo apt install dataset-fashion-mnist`; "
        f"elsewhere, put {packed} (from the folder data/fashion of "
        "https://github.com/zalandoresearch/fashion-mnist) into a directory, "
        f"and set {VARIABLE} to that directory.")


def _reason(error: BaseException) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT} seconds"
    return getattr(error, "strerror", None) or str(error) or repr(error)


def _cannot_keep(path: Path | None, error: BaseException) -> str:
    return f"{path}: cannot be written ({_reason(error)})"


@contextmanager
def _locked(cache: Path, unkept: list[str]) -> Iterator[bool]:
    """Hold the cache against other processes; yield whether that worked."""
    lock = filelock.FileLock(cache / ".lock")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print("Waiting for another process that downloads Fashion-MNIST",
              file=sys.stderr, flush=True)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        unkept.append(_cannot_keep(cache, error))
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _download(name: str, cache: Path, keep: bool, mirrors: Sequence[str],
              tried: list[str], unkept: list[str]) -> _Found:
    if keep:
        with suppress(_Fault):  # another process may have finished meanwhile
            return _read(cache, name)
    part = _Part(cache / f"{name}.gz.part" if keep else None, unkept)
    try:
        for mirror in mirrors:
            url = f"{mirror.rstrip('/')}/{name}.gz"
            try:
                data = _fetch(url, FILES[name], part)
            except _Fault as fault:
                tried.append(f"{url}: {fault}")
                continue
            part.publish(cache / f"{name}.gz")
            _say(f"Downloaded {url} ({len(part.data) / 1e6:.1f} MB)", last=True)
            return _Found(url, data)
        raise _unavailable([name], tried + unkept)
    finally:
        part.close()


class _Part:
    """The bytes that have arrived: in memory and, while the disk takes them,
    in a .part file that outlives the process."""

    def __init__(self, path: Path | None, unkept: list[str]):
        self.data = bytearray()
        self.path, self.unkept = path, unkept
        self.file: IO[bytes] | None = None
        if path:
            with self._on_disk():
                self.file = open(path, "a+b")  # noqa: SIM115 (see close)
                self.file.seek(0)
                self.data += self.file.read()

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # full, read-only: go on in memory alone
            self.unkept.append(_cannot_keep(self.path, error))
            self.close(discard=True)

    def append(self, chunk: bytes) -> None:
        self.data += chunk
        with self._on_disk():
            if self.file:
                self.file.write(chunk)

    def clear(self) -> None:
        self.data.clear()
        with self._on_disk():
            if self.file:
                self.file.truncate(0)

    def publish(self, path: Path) -> None:
        with self._on_disk():
            if self.file:
                self.file.flush()
                os.fsync(self.file.fileno())
                self.file.close()
                os.replace(self.file.name, path)
                self.file = None

    def close(self, discard: bool = False) -> None:
        file, self.file = self.file, None
        if file:
            with suppress(OSError):
                file.close()
            if discard or not self.data:
                with suppress(OSError):
                    os.unlink(file.name)


def _fetch(url: str, sha256: str, part: _Part) -> bytes:
    """Return a mirror's file, unpacked; resume what was cut, a few times."""
    fault = _Fault("not tried")
    for pause in PAUSES:
        time.sleep(pause)
        resumed = bool(part.data)
        try:
            _receive(url, part)
            return _unpack(part.data, sha256)
        except _Cut as error:
            fault = error
        except _Damaged as error:
            part.clear()
            fault = error
            if not resumed:
                break
    raise fault


def _receive(url: str, part: _Part) -> None:
    headers = {"User-Agent": "d2l-extras (textbook; Fashion-MNIST)"}
    # No If-Range, no look at Content-Range: the files never change, and the
    # checksum is the judge of what a mirror sends.
    if start := len(part.data):
        headers["Range"] = f"bytes={start}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:  # more bytes than the mirror's file
            raise _Damaged("has no such range") from error
        raise _Fault(f"{error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise _Fault(_reason(error)) from error
    with response:
        if response.headers.get_content_type() == "text/html":
            raise _Fault("an HTML page instead of the file")
        if response.status != 206:  # the whole file, asked for or not
            part.clear()
        length = response.length  # None where the server does not say
        total = len(part.data) + length if length is not None else None
        try:
            while chunk := response.read1(CHUNK):
                part.append(chunk)
                _progress(len(part.data), total)
        except (OSError, HTTPException) as error:
            raise _Cut(f"cut off after {len(part.data):,} bytes: "
                       f"{_reason(error)}") from error
    if total is not None and len(part.data) < total:
        raise _Cut(f"truncated: {len(part.data):,} of {total:,} bytes")


def _progress(done: int, total: int | None) -> None:
    share = done / total if total else 0
    _say(f"Fashion-MNIST [{'=' * int(30 * share):30}] {done / 1e6:.1f} MB")


def _say(line: str, last: bool = False) -> None:
    # A terminal sees the bar move; a log or a page gets the last line alone.
    if sys.stderr.isatty():
        print(f"\r{line:<79}", end="\n" if last else "", file=sys.stderr)
    elif last:
        print(line, file=sys.stderr)


def main() -> int:
    """Print where each file is; return 1 where one is not to be had."""
    try:
        found = _find(None)
    except DatasetNotAvailable as error:
        print(error, file=sys.stderr)
        return 1
    for name, file in found.items():
        print(f"{name}: {file.source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
