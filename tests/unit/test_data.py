"""The data arrive intact, or a message says what failed and what to do.

A small stand-in for Fashion-MNIST is served by a real HTTP server on
loopback, which answers as public hosts do on their bad days.
"""

import errno
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from support import pages

from d2l_extras import data
from d2l_extras.data import (
    AT_ONCE,
    DatasetNotAvailable,
    Minibatches,
    fashion_mnist,
)

ROOT = Path(__file__).parents[2]
IMAGES = "train-images-idx3-ubyte"
# Random pixels do not compress: the training images take 78 KB on the wire,
# more than one read of the client and more than the full disk below has.
SIZES = {"train-images-idx3-ubyte": (100, 28, 28),
         "train-labels-idx1-ubyte": (100,),
         "t10k-images-idx3-ubyte": (10, 28, 28),
         "t10k-labels-idx1-ubyte": (10,)}


def idx(array):
    header = bytes([0, 0, 8, array.ndim])
    return header + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 10 if len(size) == 1 else 256, size, np.uint8)
            for size in SIZES.values()]


@pytest.fixture
def files(arrays, tmp_path, monkeypatch):
    """The packed stand-in; d2l_extras.data knows its sums, and finds none."""
    raw = dict(zip(SIZES, map(idx, arrays)))
    sums = {name: hashlib.sha256(raw[name]).hexdigest() for name in raw}
    monkeypatch.setattr(data, "FILES", sums)
    monkeypatch.setattr(data, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(data, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(data, "PAUSES", (0, 0, 0, 0))
    monkeypatch.delenv(data.VARIABLE, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    return {f"{name}.gz": gzip.compress(raw[name], mtime=0) for name in raw}


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


class Mirror(ThreadingHTTPServer):
    """A host of files: `answer` replies; the other fields remember."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.answer = files, whole
        self.requests, self.sent, self.agent = [], 0, ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/data"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        self.server.requests.append((name, self.headers["Range"]))
        self.server.agent = self.headers["User-Agent"]
        self.server.answer(self, self.server.files[name])

    def reply(self, body, status=200, cut=None, **headers):
        """Send a body, of which only the first `cut` bytes arrive."""
        self.send_response(status)
        headers = {"Content_Length": len(body), **headers}
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body[:cut])
        self.server.sent += len(body[:cut])

    def log_message(self, *args):
        pass


def whole(handler, body):
    handler.reply(body)


def ranges(handler, body):
    """Answer a Range as hosts do: the rest of the file, with status 206."""
    asked = handler.headers["Range"]
    if not asked:
        return handler.reply(body)
    start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
    if start >= len(body):
        return handler.reply(b"", 416)
    span = f"bytes {start}-{len(body) - 1}/{len(body)}"
    handler.reply(body[start:], 206, Content_Range=span)


def status(code):
    return lambda handler, body: handler.reply(b"no", code)


def cut_once(then):
    """Cut the first answer after 30,000 bytes; leave the others to `then`."""
    def answer(handler, body):
        first = len(handler.server.requests) == 1
        handler.reply(body, cut=30_000) if first else then(handler, body)
    return answer


@pytest.fixture
def start(files):
    """Start mirrors; stop them all after the test."""
    started = []

    def start(answer=whole):
        mirror = Mirror(files)
        mirror.answer = answer
        threading.Thread(
            target=mirror.serve_forever, args=(0.01,), daemon=True).start()
        started.append(mirror)
        return mirror

    yield start
    for mirror in started:
        mirror.shutdown()
        mirror.server_close()


def failure(*mirrors):
    with pytest.raises(DatasetNotAvailable) as caught:
        fashion_mnist(mirrors=[mirror.url for mirror in mirrors])
    return str(caught.value)


def same(dataset, arrays):
    return all(map(np.array_equal, dataset, arrays))


def leftovers(directory):
    return sorted(p.name for p in directory.iterdir() if p.name != ".lock")


def write(directory, files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (directory / name).write_bytes(body)


# Where the files are looked for


def test_a_download_gives_the_arrays_and_fills_the_cache(
        files, arrays, start, cache):
    mirror = start()
    dataset = fashion_mnist(mirrors=[mirror.url])
    assert same(dataset, arrays)
    assert [a.dtype for a in dataset] == [np.uint8, np.int32] * 2
    assert leftovers(cache) == sorted(files)
    assert mirror.agent.startswith("d2l-extras")
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert len(mirror.requests) == 4, "the second call downloaded again"


def test_debians_folder_is_used_before_the_mirrors(files, arrays, start):
    write(data.DEBIAN, files)
    mirror = start()
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert not mirror.requests


def test_unpacked_files_are_read_as_well(files, arrays, tmp_path):
    write(tmp_path / "mine", {name.removesuffix(".gz"): gzip.decompress(body)
                              for name, body in files.items()})
    assert same(fashion_mnist(tmp_path / "mine"), arrays)


@pytest.mark.parametrize("named_by", ["the argument", "the variable"])
def test_what_an_explicit_directory_lacks_is_named_and_not_downloaded(
        files, start, tmp_path, monkeypatch, named_by):
    write(data.DEBIAN, files)
    mirror, mine = start(), tmp_path / "mine"
    del files["t10k-labels-idx1-ubyte.gz"]
    write(mine, files)
    if named_by == "the variable":
        monkeypatch.setenv(data.VARIABLE, str(mine))
    with pytest.raises(DatasetNotAvailable) as caught:
        fashion_mnist(mine if named_by == "the argument" else None,
                      mirrors=[mirror.url])
    message = str(caught.value)
    assert f"{mine}/t10k-labels-idx1-ubyte.gz: no such file" in message
    assert IMAGES not in message.split("What to do")[0]
    assert not mirror.requests
    assert leftovers(mine) == sorted(files)


def test_a_damaged_file_in_an_explicit_directory_is_refused_and_left_alone(
        files, start, tmp_path):
    files[f"{IMAGES}.gz"] = gzip.compress(b"other bytes")
    write(tmp_path / "mine", files)
    with pytest.raises(DatasetNotAvailable, match="wrong checksum"):
        fashion_mnist(tmp_path / "mine", mirrors=[start().url])
    kept = (tmp_path / "mine" / f"{IMAGES}.gz").read_bytes()
    assert kept == files[f"{IMAGES}.gz"]


@pytest.mark.parametrize("damage", [
    lambda body: gzip.compress(b"other bytes"),
    lambda body: body[:1000],
    lambda body: b"",
], ids=["other bytes", "truncated", "empty"])
def test_a_damaged_file_in_the_cache_is_reported_and_replaced(
        files, arrays, start, cache, damage):
    good = files[f"{IMAGES}.gz"]
    write(cache, {**files, f"{IMAGES}.gz": damage(good)})
    mirror = start()
    with pytest.warns(UserWarning, match=rf"Passing over .*{IMAGES}\.gz"):
        assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert (cache / f"{IMAGES}.gz").read_bytes() == good
    assert mirror.requests == [(f"{IMAGES}.gz", None)]


def test_a_damaged_file_of_debians_is_reported_and_left_alone(
        files, arrays, start, cache):
    bad = files[f"{IMAGES}.gz"][:1000]
    write(data.DEBIAN, {**files, f"{IMAGES}.gz": bad})
    with pytest.warns(UserWarning, match="debian.*truncated"):
        assert same(fashion_mnist(mirrors=[start().url]), arrays)
    assert (data.DEBIAN / f"{IMAGES}.gz").read_bytes() == bad
    assert leftovers(cache) == [f"{IMAGES}.gz"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's convention")
def test_the_cache_is_where_the_platform_keeps_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data._cache() == tmp_path / "d2l_extras" / "fashion-mnist"


# What mirrors answer on bad days


@pytest.mark.parametrize("answer, said", [
    (status(404), "404 Not Found"),
    (status(403), "403 Forbidden"),
    (status(429), "429 Too Many Requests"),
    (status(503), "503 Service Unavailable"),
    (lambda handler, body: handler.reply(
        b"<html>log in</html>", Content_Type="text/html; charset=utf-8"),
     "an HTML page instead of the file"),
    (lambda handler, body: handler.reply(gzip.compress(b"other bytes")),
     "wrong checksum"),
    (lambda handler, body: handler.connection.close(), ""),
], ids=["404", "403", "429", "503", "HTML", "checksum", "hung up"])
def test_a_refusal_is_reported_with_what_to_do_and_leaves_no_file(
        start, cache, answer, said):
    mirror = start(answer)
    message = failure(mirror)
    assert f"{mirror.url}/{IMAGES}.gz: {said}" in message
    assert "apt install dataset-fashion-mnist" in message
    assert "D2L_EXTRAS_DATA" in message
    assert leftovers(cache) == []
    assert len(mirror.requests) == 1, "a refusal was asked for again"


def test_a_host_that_refuses_connections_is_reported(start):
    mirror = start()
    mirror.shutdown()
    mirror.server_close()
    assert f"{mirror.url}/{IMAGES}.gz: Connection refused" in failure(mirror)


def test_a_host_that_never_answers_is_given_up(start, monkeypatch):
    monkeypatch.setattr(data, "TIMEOUT", 0.1)
    over = threading.Event()
    mirror = start(lambda handler, body: over.wait(30))
    try:
        assert "no answer within 0.1 seconds" in failure(mirror)
    finally:
        over.set()


def test_the_second_mirror_serves_what_the_first_refuses(
        arrays, start):
    first, second = start(status(403)), start()
    assert same(fashion_mnist(mirrors=[first.url, second.url]), arrays)
    assert len(first.requests) == len(second.requests) == 4


def test_when_every_mirror_fails_the_message_lists_each_with_its_answer(
        start, cache):
    mirrors = [start(status(404)), start(status(429))]
    message = failure(*mirrors)
    for line in (f"{cache}/{IMAGES}.gz: no such file",
                 f"{data.DEBIAN}/{IMAGES}.gz: no such file",
                 f"{mirrors[0].url}/{IMAGES}.gz: 404 Not Found",
                 f"{mirrors[1].url}/{IMAGES}.gz: 429 Too Many Requests"):
        assert line in message.split("What to do")[0]


def test_a_cut_download_is_resumed_and_no_byte_is_sent_twice(
        files, arrays, start, cache):
    mirror = start(cut_once(ranges))
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[:2] == [
        (f"{IMAGES}.gz", None), (f"{IMAGES}.gz", "bytes=30000-")]
    assert mirror.sent == sum(map(len, files.values()))
    assert leftovers(cache) == sorted(files)


def test_a_stalled_download_is_resumed(arrays, start, monkeypatch):
    # Long enough for all the answers of a busy machine but the one that stalls.
    monkeypatch.setattr(data, "TIMEOUT", 2)
    over = threading.Event()

    def answer(handler, body):
        first = len(handler.server.requests) == 1
        ranges(handler, body) if not first else (
            handler.reply(body, cut=30_000), over.wait(30))

    mirror = start(answer)
    try:
        assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    finally:
        over.set()
    assert mirror.requests[1] == (f"{IMAGES}.gz", "bytes=30000-")


@pytest.mark.parametrize("again", [
    whole, lambda handler, body: handler.reply(body, 206),
], ids=["as 200", "as 206"])
def test_a_mirror_that_ignores_ranges_sends_the_file_again(
        arrays, start, again):
    mirror = start(cut_once(again))
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[1] == (f"{IMAGES}.gz", "bytes=30000-")


def test_a_mirror_that_cuts_every_time_is_given_up_and_the_part_is_kept(
        files, arrays, start, cache):
    mirror = start(lambda handler, body: handler.reply(body, cut=30_000))
    assert "truncated: 30,000 of 7" in failure(mirror)
    assert len(mirror.requests) == len(data.PAUSES)
    assert leftovers(cache) == [f"{IMAGES}.gz.part"]
    mirror.answer = ranges
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[len(data.PAUSES)] == (
        f"{IMAGES}.gz", "bytes=30000-")
    assert leftovers(cache) == sorted(files)


def test_a_mirror_goes_on_where_another_was_cut(arrays, start):
    first = start(lambda handler, body: handler.reply(body, cut=30_000))
    second = start(ranges)
    assert same(fashion_mnist(mirrors=[first.url, second.url]), arrays)
    assert second.requests[0] == (f"{IMAGES}.gz", "bytes=30000-")


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * 1_000_000],
                         ids=["other bytes", "more than the file"])
def test_a_part_that_leads_nowhere_is_dropped_and_the_file_fetched_whole(
        arrays, start, cache, part):
    write(cache, {f"{IMAGES}.gz.part": part})
    mirror = start(ranges)
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[:2] == [
        (f"{IMAGES}.gz", f"bytes={len(part)}-"), (f"{IMAGES}.gz", None)]


def test_a_page_gets_one_line_a_file_and_no_moving_bar(start, capsys):
    fashion_mnist(mirrors=[start().url])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(re.fullmatch(r"Downloaded http\S+\.gz \(0\.\d MB\)", line)
               for line in lines)


def test_a_terminal_sees_the_bar_fill(start, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fashion_mnist(mirrors=[start().url])
    assert f"\rFashion-MNIST [{'=' * 30}] 0.1 MB" in capsys.readouterr().err


# Caches that cannot be written, and two processes at once


def test_where_the_cache_cannot_be_made_the_data_are_in_memory(
        arrays, start, cache):
    cache.write_text("a file where the directory should be")
    with pytest.warns(UserWarning, match=f"{cache}: cannot be written"):
        assert same(fashion_mnist(mirrors=[start().url]), arrays)
    assert cache.read_text() == "a file where the directory should be"


def test_a_cache_that_cannot_be_made_is_told_when_the_mirrors_fail_too(
        start, cache):
    cache.write_text("a file where the directory should be")
    assert f"{cache}: cannot be written" in failure(start(status(403)))


def test_a_full_disk_leaves_no_file_and_the_data_in_memory(
        arrays, start, cache, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        assert same(fashion_mnist(mirrors=[start().url]), arrays)
    assert len(caught) == 1
    assert leftovers(cache) == []


CLIENT = """
import json, os, sys, warnings
from pathlib import Path
from d2l_extras import data
settings = json.loads(sys.argv[1])
data.FILES = settings["files"]
data.DEBIAN = Path("/nowhere")
data._cache = lambda: Path(settings["cache"])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    dataset = data.fashion_mnist(mirrors=[settings["mirror"]])
print(json.dumps({"pixels": int(dataset.X_train.sum()),
                  "warnings": [str(w.message) for w in caught],
                  "files": sorted(os.listdir(settings["cache"]))}))
"""


def client(mirror, cache, *prefix):
    """Start a process that loads the data; return it with its pipes."""
    settings = {"files": data.FILES, "cache": str(cache), "mirror": mirror.url}
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", CLIENT, json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def result(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def mounted(options):
    """What to put before the cache and a command that sees a tmpfs there."""
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
            f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"')


def can_mount():
    try:
        tried = subprocess.run([*mounted("size=64k"), "/mnt", "true"],
                               capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


needs_mounts = pytest.mark.skipif(
    not can_mount(), reason="this machine lets no process mount a tmpfs")


@needs_mounts
def test_a_disk_that_is_really_full_leaves_no_part_and_the_data_in_memory(
        arrays, start, cache):
    cache.mkdir()
    outcome = result(client(start(), cache, *mounted("size=64k"), cache))
    assert outcome["pixels"] == arrays[0].sum()
    assert len(outcome["warnings"]) == 1
    assert "No space left on device" in outcome["warnings"][0]
    assert not [name for name in outcome["files"]
                if IMAGES in name or name.endswith(".part")]


@needs_mounts
def test_a_disk_that_is_really_read_only_gives_the_data_in_memory(
        arrays, start, cache):
    cache.mkdir()
    outcome = result(client(start(), cache, *mounted("ro"), cache))
    assert outcome["pixels"] == arrays[0].sum()
    assert len(outcome["warnings"]) == 1
    assert "Read-only file system" in outcome["warnings"][0]
    assert outcome["files"] == []


def test_of_two_processes_at_once_one_downloads_and_the_other_waits(
        files, arrays, start, cache):
    asked, go = threading.Event(), threading.Event()

    def hold(handler, body):
        asked.set()
        go.wait(60)
        handler.reply(body)

    mirror = start(hold)
    first = client(mirror, cache)
    try:
        assert asked.wait(60)
        second = client(mirror, cache)
        assert "Waiting for another process" in second.stderr.readline()
    finally:
        go.set()
    for process in (first, second):
        assert result(process)["pixels"] == arrays[0].sum()
    assert Counter(mirror.requests) == {(name, None): 1 for name in files}


def test_a_killed_download_is_resumed_by_the_next_process(
        files, arrays, start, cache):
    over = threading.Event()

    def hold(handler, body):
        handler.reply(body, cut=70_000)
        over.wait(60)

    mirror = start(hold)
    process = client(mirror, cache)
    part = cache / f"{IMAGES}.gz.part"
    while process.poll() is None and not (
            part.exists() and part.stat().st_size):
        pass
    process.kill()
    process.communicate()
    over.set()
    kept = part.stat().st_size
    mirror.answer = ranges
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[1] == (f"{IMAGES}.gz", f"bytes={kept}-")


# The command, the decoder and the labels


def test_the_command_prints_where_each_file_is_the_cache_first(
        files, cache, capsys):
    write(data.DEBIAN, files)
    write(cache, {f"{IMAGES}.gz": files[f"{IMAGES}.gz"]})
    assert data.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: {cache if name == IMAGES else data.DEBIAN}/{name}.gz"
        for name in SIZES]


def test_the_command_exits_with_1_and_the_message(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "d2l_extras.data"], check=False, text=True,
        capture_output=True, cwd=tmp_path, env={
            **os.environ, "PYTHONPATH": str(ROOT),
            "D2L_EXTRAS_DATA": str(tmp_path)})
    assert done.returncode == 1
    assert f"{tmp_path}/{IMAGES}.gz: no such file" in done.stderr
    assert "D2L_EXTRAS_DATA" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not data.DEBIAN.is_dir(),
                    reason="the package dataset-fashion-mnist is absent")
def test_debians_files_are_the_authors_files():
    read = {name: data._read(data.DEBIAN, name) for name in data.FILES}
    assert [data.decode_idx(file.data).shape for file in read.values()] == [
        (60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]


def test_every_mirror_is_https():
    assert len(data.MIRRORS) >= 3
    assert all(mirror.startswith("https://") for mirror in data.MIRRORS)


def test_the_dataset_prints_its_counts_shapes_and_types(files, start):
    printed = repr(fashion_mnist(mirrors=[start().url]))
    assert "100 training and 10 test images" in printed
    assert "X_train (100, 28, 28) uint8" in printed
    assert "y_test (10,) int32" in printed


@pytest.mark.parametrize("broken, said", [
    (b"\x1f\x8b\x08\x00" + bytes(20), "not an idx file.*1f 8b 08 00"),
    (b"\0\0\x0d\x01\0\0\0\x01" + bytes(4), "not an idx file.*00 00 0d 01"),
    (b"", "not an idx file"),
    (b"\0\0\x08\x03\0\0\0\x01", "ends within the header"),
    (idx(np.zeros((2, 3), np.uint8))[:-1], r"\(2, 3\), 18 bytes.* are 17"),
    (idx(np.zeros((2, 3), np.uint8)) + b"x", r"\(2, 3\), 18 bytes.* are 19"),
], ids=["packed", "floats", "empty", "header", "short", "long"])
def test_bytes_that_are_not_idx_are_refused(broken, said):
    with pytest.raises(ValueError, match=said):
        data.decode_idx(broken)


def test_labels_have_the_authors_names():
    assert data.text_labels(np.array([9, 0])) == ["ankle boot", "t-shirt/top"]
    for label in (-1, 10):
        with pytest.raises(ValueError, match=f"no class {label}.*0 to 9"):
            data.text_labels([label])


# Minibatches


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_shows_every_example_once_with_its_label(shuffle):
    X = np.arange(10)
    batches = Minibatches(X, X * 2, batch_size=4, shuffle=shuffle, seed=0)
    epoch = list(batches)
    assert len(epoch) == len(batches) == 3
    assert [len(x) for x, _ in epoch] == [4, 4, 2], "the last one is short"
    seen, labels = map(np.concatenate, zip(*epoch))
    assert sorted(seen) == list(X)
    assert np.array_equal(labels, seen * 2)
    assert np.array_equal(seen, X) is not shuffle


def test_epochs_differ_and_the_seed_repeats_them():
    def epochs(seed):
        batches = Minibatches(np.arange(100), batch_size=32, shuffle=True,
                              seed=seed)
        return [[int(i) for (x,) in batches for i in x] for _ in range(3)]

    first, second, third = epochs(seed=1)
    assert first != second != third != first
    assert epochs(seed=1) == [first, second, third]
    assert epochs(seed=2)[0] != first


def test_an_epoch_in_order_copies_nothing():
    X = np.arange(10)
    assert all(np.shares_memory(x, X) for (x,) in Minibatches(X, batch_size=4))


def test_a_framework_overrides_place_gather_and_cut_alone():
    class Tuples(Minibatches):
        def place(self, order):
            return order.tolist()

        def gather(self, array, indices):
            assert type(indices) is list
            return tuple(array[i] for i in indices)

        def cut(self, examples, size):
            assert size in (3, AT_ONCE // 3 * 3)
            return [list(examples[i : i + size])
                    for i in range(0, len(examples), size)]

    epoch = list(Tuples(range(5), batch_size=3, shuffle=True, seed=0))
    assert [len(x) for (x,) in epoch] == [3, 2]
    assert sorted(epoch[0][0] + epoch[1][0]) == [0, 1, 2, 3, 4]
    assert all(isinstance(x, list) for (x,) in epoch)


@pytest.mark.parametrize("batch_size, calls", [
    (1, [4096, 4096, 1808]),
    (10, [4090, 4090, 1820]),
    (256, [4096, 4096, 1808]),
    (1500, [3000, 3000, 3000, 1000]),
    (4500, [4500, 4500, 1000]),
    (15_000, [10_000]),
])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_call_gathers_whole_minibatches_of_thousands_of_images(
        shuffle, batch_size, calls):
    gathered = {28: [], 10_000: []}

    class Counting(Minibatches):
        def gather(self, array, indices):
            gathered[array.shape[-1]].append(len(array[indices]))
            return array[indices]

    y = np.arange(10_000)
    X = np.lib.stride_tricks.as_strided(y, (10_000, 28, 28), (8, 0, 0))
    epoch = list(Counting(X, y, batch_size=batch_size, shuffle=shuffle, seed=0))
    assert gathered[28] == calls, "of images, as many as a call is worth"
    assert gathered[10_000] == [10_000], "and all labels at once"
    assert {len(x) for x, _ in epoch[:-1]} <= {batch_size}
    assert sorted(np.concatenate([y for _, y in epoch])) == list(range(10_000))
    assert all(np.array_equal(x[:, 0, 0], y) for x, y in epoch)


@pytest.mark.parametrize("X", [np.zeros((0, 3)), np.zeros((4, 0))])
@pytest.mark.parametrize("shuffle", [False, True])
def test_no_examples_give_no_minibatches_and_no_numbers_give_empty_ones(
        X, shuffle):
    epoch = list(Minibatches(X, batch_size=2, shuffle=shuffle))
    assert [x.shape for (x,) in epoch] == [(2, 0)] * (len(X) // 2)


MAKE = {
    "mxnet": "import mxnet\nmake = mxnet.np.array",
    "tensorflow": "import tensorflow\nmake = tensorflow.constant",
}
ALIKE = """
import itertools, numpy as np
from d2l_extras import data, to_numpy
from d2l_extras.{framework} import Minibatches
{make}
data.AT_ONCE = 7000
X = np.arange(20_000, dtype="float32").reshape(10_000, 2)
y = np.arange(10_000, dtype="int32")
for size, shuffle in itertools.product((10, 3000, 5000, 20_000), (True, False)):
    more = dict(batch_size=size, shuffle=shuffle, seed=1)
    own = Minibatches(make(X, dtype="float32"), make(y, dtype="int32"), **more)
    plain = data.Minibatches(X, y, **more)
    for _ in range(2):
        for minibatch, expected in zip(own, plain, strict=True):
            for one, other in zip(minibatch, expected, strict=True):
                one = to_numpy(one)
                assert one.dtype == other.dtype and np.array_equal(one, other)
for shuffle in (True, False):
    none = make(np.zeros((0, 2), "float32"))
    assert not list(Minibatches(none, batch_size=10, shuffle=shuffle))
print("the same minibatches")
"""


@pytest.mark.parametrize("framework", pages.FRAMEWORKS)
def test_all_frameworks_read_the_same_minibatches(framework, tmp_path):
    script = ALIKE.format(framework=framework, make=MAKE[framework])
    said = pages.run(framework, script, tmp_path, [])
    assert said == "the same minibatches\n"


def test_an_order_is_placed_once_an_epoch_and_none_where_there_is_none():
    placed = []

    class Placing(Minibatches):
        def place(self, order):
            placed.append(len(order))
            return order

    for shuffle in (True, False):
        batches = Placing(np.arange(10_000), batch_size=10, shuffle=shuffle)
        for _ in range(2):
            assert len(list(batches)) == 1000
    assert placed == [10_000, 10_000]


# To copy from NumPy makes MXNet wait for all that it was asked to compute.
COPIES = """
from d2l_extras.mxnet import Minibatches, mx
X, y = mx.np.zeros((10_000, 2)), mx.np.zeros(10_000)
batches = Minibatches(X, y, batch_size=10, shuffle=True)
array, copied = mx.np.array, []
mx.np.array = lambda *given, **more: copied.append(1) or array(*given, **more)
print([sum(1 for _ in batches) for _ in range(2)], len(copied))
"""


def test_mxnet_copies_nothing_to_the_device_between_two_minibatches(tmp_path):
    said = pages.run("mxnet", COPIES, tmp_path, [])
    assert said == "[1000, 1000] 2\n"


def test_a_batch_may_be_larger_than_the_data():
    batches = Minibatches(np.arange(3), batch_size=256)
    assert len(batches) == 1
    assert [x.tolist() for (x,) in batches] == [[0, 1, 2]]


def test_minibatches_print_their_counts():
    batches = Minibatches(np.zeros(60_000), batch_size=256, shuffle=True)
    assert repr(batches) == (
        "Minibatches(60,000 examples in 235 minibatches of 256, shuffled)")


@pytest.mark.parametrize("arrays, batch_size, error, said", [
    ([np.zeros(3), np.zeros(4)], 2, ValueError, r"\[3, 4\].*as many labels"),
    ([], 2, TypeError, "no arrays"),
    ([np.float32(1)], 2, TypeError, "first axis"),
    ([np.zeros(3)], 0, ValueError, "at least 1, not 0"),
    ([np.zeros(3)], -2, ValueError, "at least 1, not -2"),
    ([np.zeros(3)], 2.0, TypeError, "whole number.*not 2.0"),
    ([np.zeros(3)], "2", TypeError, "whole number.*not '2'"),
    ([np.zeros(3)], True, TypeError, "whole number.*not True"),
])
def test_what_cannot_be_batched_is_refused_with_the_cure(
        arrays, batch_size, error, said):
    with pytest.raises(error, match=said):
        Minibatches(*arrays, batch_size=batch_size)
