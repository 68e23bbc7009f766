"""Find the files of Fashion-MNIST on this machine, or download them."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import filelock
import platformdirs

from . import apt

VARIABLE = "D2L_EXTRAS_DATA"
# Debian and Ubuntu distribute the dataset as a package, which puts the files here.
PACKAGE = "dataset-fashion-mnist"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# TensorFlow's copy, the authors' bucket and repository, and MXNet's copy.
MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ("https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
     "gluon/dataset/fashion-mnist/"),
)
# SHA-256 of the uncompressed bytes, because Debian compresses the files again,
# which changes the compressed bytes.
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
PATIENCE = 20  # seconds to wait for a dead network, over all sources
TIMEOUT = 20  # seconds that a download may pause once bytes have arrived
PAUSES = (0, 1, 2, 4)  # seconds before each attempt at an interrupted download
CHUNK = 1 << 16  # bytes
ROOM = 300_000_000  # bytes for the package, its files, and package lists


class DatasetNotAvailable(OSError):
    """Report that no source has an intact copy, and list every attempt."""


class _Fault(Exception):
    """Say what a source sent instead of the file."""


class _Interrupted(_Fault):
    """Say why a download stopped partway, so that it can be resumed."""


class _Damaged(_Fault):
    """Say how the bytes differ from the authors' file."""


class Found(NamedTuple):
    source: str
    data: bytes  # uncompressed


def _cache() -> Path:
    cache = platformdirs.user_cache_path("d2l_extras", appauthor=False)
    return cache / "fashion-mnist"


def find_files(directory: str | os.PathLike | None = None,
               mirrors: Sequence[str] = MIRRORS,
               patience: float = PATIENCE) -> dict[str, Found]:
    """Return each file in FILES, from the first source that has it.

    The arguments and the order of the sources are those of `fashion_mnist`.
    Raises DatasetNotAvailable if no source has an intact copy.
    """
    given = directory or os.environ.get(VARIABLE)
    cache = _cache()
    places = [Path(given).expanduser()] if given else [cache, DEBIAN]
    found: dict[str, Found] = {}
    tried: list[str] = []
    for name in FILES:
        for place in places:
            try:
                found[name] = _read(place, name)
                break
            except _Fault as fault:
                tried.append(str(fault))
                if isinstance(fault, _Damaged) and not given:
                    warnings.warn(f"Skipping {fault}", stacklevel=3)
    missing = [name for name in FILES if name not in found]
    if missing and given:
        origin = "" if directory else f", as {VARIABLE} says"
        tried.append(f"nothing else, because {given} was requested{origin}")
        raise _unavailable(missing, tried)
    if missing:
        unsaved: list[str] = []
        with _locked(cache, unsaved) as writable:
            if writable:  # another process may have just finished
                for name in missing:
                    with suppress(_Fault):
                        found[name] = _read(cache, name)
            _download(found, cache, writable, mirrors, patience, tried, unsaved)
        if unsaved:
            warnings.warn(f"{unsaved[0]}. Fashion-MNIST was loaded into memory "
                          "anyway, but will be downloaded again next time. Free "
                          "some space there, or make it writable.",
                          stacklevel=3)
    return found


def _read(place: Path, name: str) -> Found:
    fault = _Fault(f"{place / name}.gz: no such file")
    for path in (place / f"{name}.gz", place / name):
        try:
            return Found(str(path), _unpack(path.read_bytes(), FILES[name]))
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
        raise _Damaged(f"wrong checksum: SHA-256 is {digest[:12]}..., but "
                       f"should be {sha256[:12]}...")
    return bytes(unpacked)


def _unavailable(names: list[str], tried: list[str]) -> DatasetNotAvailable:
    packed = ", ".join(f"{name}.gz" for name in FILES)
    places = "\n  ".join(tried)
    return DatasetNotAvailable(
        f"Fashion-MNIST is not available. Missing: {', '.join(names)}.\n"
        f"Tried:\n  {places}\n"
        f"What to do: on Debian or Ubuntu, run `sudo apt install {PACKAGE}`. "
        f"Elsewhere, put {packed} (from the folder data/fashion of "
        "https://github.com/zalandoresearch/fashion-mnist) into a directory, "
        f"and set {VARIABLE} to that directory.")


def _reason(error: BaseException) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT} seconds"
    return getattr(error, "strerror", None) or str(error) or repr(error)


def _not_writable(path: Path | None, error: BaseException) -> str:
    return f"{path}: cannot be written ({_reason(error)})"


@contextmanager
def _locked(cache: Path, unsaved: list[str]) -> Iterator[bool]:
    """Lock the cache against other processes, and yield whether it is writable."""
    lock = filelock.FileLock(cache / ".lock")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print("Waiting for another process to download Fashion-MNIST",
              file=sys.stderr, flush=True)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        unsaved.append(_not_writable(cache, error))
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _download(found: dict[str, Found], cache: Path, writable: bool,
              mirrors: Sequence[str], patience: float, tried: list[str],
              unsaved: list[str]) -> None:
    """Add the files that `found` lacks, from the mirrors or, failing that, apt."""
    def part_of(name: str) -> closing[_Part]:
        path = cache / f"{name}.gz.part" if writable else None
        return closing(_Part(path, unsaved))

    missing = [name for name in FILES if name not in found]
    mirrors, deadline = list(mirrors), time.monotonic() + patience
    for name in missing:
        with part_of(name) as part:
            file = _ask_mirrors(name, mirrors, 0.6 * patience, part, tried)
            if not file:
                break  # the package will have the remaining files, too
            found[name] = file
            part.publish(cache / f"{name}.gz")
        deadline = time.monotonic() + patience  # this network is alive
    missing = [name for name in missing if name not in found]
    if not missing:
        return
    _say(f"Fashion-MNIST: fetching the package {PACKAGE} with apt-get")
    roomy = writable and shutil.disk_usage(cache).free > ROOM
    try:
        with tempfile.TemporaryDirectory(
                dir=cache if roomy else None) as scratch:
            root = apt.fetch_package(PACKAGE, Path(scratch),
                                     max(0, deadline - time.monotonic()))
            for name in missing:
                file = _read(root / DEBIAN.relative_to("/"), name)
                with part_of(name) as part:
                    part.clear()
                    part.append(Path(file.source).read_bytes())
                    part.publish(cache / f"{name}.gz")
                found[name] = file._replace(source=f"the package {PACKAGE}")
    except (_Fault, apt.AptError, OSError) as error:
        reason = _reason(error).rpartition("/unpacked")[2]  # no temporary path
        tried.append(f"apt-get download {PACKAGE}: {reason}")
        raise _unavailable(missing, tried + unsaved) from None
    _say(f"Fetched the package {PACKAGE} with apt-get", last=True)


def _ask_mirrors(name: str, mirrors: list[str], patience: float, part: _Part,
                 tried: list[str]) -> Found | None:
    deadline = time.monotonic() + patience  # for the first byte
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}.gz"
        # Half of the remaining time, so that every mirror is tried.
        seconds = max(0, deadline - time.monotonic()) / 2
        try:
            data = _fetch(url, FILES[name], part, seconds)
        except _Fault as fault:
            tried.append(f"{url}: {fault}")
            if isinstance(fault, (_Interrupted, _Damaged)):  # bytes arrived
                deadline = time.monotonic() + patience
            continue
        mirrors.remove(mirror)  # try it first for the next file
        mirrors.insert(0, mirror)
        _say(f"Downloaded {url} ({len(part.data) / 1e6:.1f} MB)", last=True)
        return Found(url, data)
    return None


class _Part:
    """Keep the bytes received so far in memory and in a .part file.

    The file lets another process resume the download. If it cannot be written,
    it is deleted, and the download continues in memory.
    """

    def __init__(self, path: Path | None, unsaved: list[str]):
        self.data = bytearray()
        self.path, self.unsaved = path, unsaved
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
        except OSError as error:  # the disk is full or read-only
            self.unsaved.append(_not_writable(self.path, error))
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


def _fetch(url: str, sha256: str, part: _Part, seconds: float) -> bytes:
    """Download a file, resume after interruptions, and return it uncompressed."""
    fault = _Fault("not tried")
    for pause in PAUSES:
        time.sleep(pause)
        resumed = bool(part.data)
        try:
            _receive(url, part, seconds)
            return _unpack(part.data, sha256)
        except _Interrupted as error:
            fault = error
        except _Damaged as error:
            part.clear()
            fault = error
            if not resumed:
                break
    raise fault


def _open(request: Request, seconds: float) -> HTTPResponse:
    """Open a URL and wait for its first byte, at most `seconds` in total.

    The request is sent in a thread, because there is no other way to limit how
    long the resolution of a host name may take.
    """
    answer: Future[HTTPResponse] = Future()

    def ask() -> None:
        try:
            response = urlopen(request, timeout=TIMEOUT)
            response.peek(1)
            answer.set_result(response)
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    if not wait([answer], seconds).done:
        raise _Fault(f"no answer within {seconds:.2g} seconds")
    return answer.result()


def _receive(url: str, part: _Part, seconds: float) -> None:
    headers = {"User-Agent": "d2l-extras (textbook; Fashion-MNIST)"}
    # If-Range and Content-Range are not needed, because the files never change
    # and the checksum is verified, whatever a mirror sends.
    if start := len(part.data):
        headers["Range"] = f"bytes={start}-"
    try:
        response = _open(Request(url, headers=headers), seconds)
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:  # the requested range does not exist
            raise _Damaged("the partial file is longer than the file") from error
        raise _Fault(f"{error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise _Fault(_reason(error)) from error
    with response:
        if response.headers.get_content_type() == "text/html":
            raise _Fault("an HTML page instead of the file")
        if response.status != 206:  # the whole file, requested or not
            part.clear()
        length = response.length  # None if the server does not say
        total = len(part.data) + length if length is not None else None
        try:
            while chunk := response.read1(CHUNK):
                part.append(chunk)
                _progress(len(part.data), total)
        except (OSError, HTTPException) as error:
            raise _Interrupted(f"interrupted after {len(part.data):,} bytes: "
                       f"{_reason(error)}") from error
    if total is not None and len(part.data) < total:
        raise _Interrupted(f"truncated: {len(part.data):,} of {total:,} bytes")


def _progress(done: int, total: int | None) -> None:
    fraction = done / total if total else 0
    _say(f"Fashion-MNIST [{'=' * int(30 * fraction):30}] {done / 1e6:.1f} MB")


def _say(line: str, last: bool = False) -> None:
    # A terminal shows a moving bar. A log or a notebook shows only the last line.
    if sys.stderr.isatty():
        print(f"\r{line:<79}", end="\n" if last else "", file=sys.stderr)
    elif last:
        print(line, file=sys.stderr)
