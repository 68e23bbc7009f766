"""The dataset arrives intact, or a message says what failed and what to do.

A small substitute for Fashion-MNIST comes from a real HTTP server on loopback
that fails the way public hosts do, or from a tiny Debian repository in a local
folder. No test uses the network.
"""

import errno
import gzip
import hashlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from d2l_extras import download
from d2l_extras.fashion_mnist import (
    DatasetNotAvailable,
    decode_idx,
    fashion_mnist,
    main,
    text_labels,
)

ROOT = Path(__file__).parents[2]
IMAGES = "train-images-idx3-ubyte"
# Random pixels do not compress, so the training images need 78 KB. That is more
# than one read of the client, and more than fits on the full disk below.
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
def fake_apt(tmp_path, monkeypatch):
    """Put an apt-get that runs a shell script first on the path."""
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def write(script):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return write


@pytest.fixture
def files(arrays, tmp_path, monkeypatch, fake_apt):
    """Return the substitute's compressed files, which no local source has.

    d2l_extras.download expects their checksums. The first apt-get on the path is a
    fake that finds no package.
    """
    raw = dict(zip(SIZES, map(idx, arrays)))
    sums = {name: hashlib.sha256(raw[name]).hexdigest() for name in raw}
    monkeypatch.setattr(download, "FILES", sums)
    monkeypatch.setattr(download, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(download, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0, 0))
    monkeypatch.delenv(download.VARIABLE, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    fake_apt("echo 'E: Unable to locate package'; exit 100")
    return {f"{name}.gz": gzip.compress(raw[name], mtime=0) for name in raw}


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


class Mirror(ThreadingHTTPServer):
    """Serve files by replying with `answer`, and record requests."""

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
        """Send a body, but only its first `cut` bytes."""
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
    """Answer a Range request with the rest of the file and status 206."""
    requested = handler.headers["Range"]
    if not requested:
        return handler.reply(body)
    start = int(re.fullmatch(r"bytes=(\d+)-", requested)[1])
    if start >= len(body):
        return handler.reply(b"", 416)
    span = f"bytes {start}-{len(body) - 1}/{len(body)}"
    handler.reply(body[start:], 206, Content_Range=span)


def status(code):
    return lambda handler, body: handler.reply(b"no", code)


def cut_once(then):
    """Interrupt the first answer after 30,000 bytes, and only that one."""
    def answer(handler, body):
        first = len(handler.server.requests) == 1
        handler.reply(body, cut=30_000) if first else then(handler, body)
    return answer


@pytest.fixture
def start(files):
    """Start mirrors, and stop them all after the test."""
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


def failure(*mirrors, patience=download.PATIENCE):
    with pytest.raises(DatasetNotAvailable) as caught:
        fashion_mnist(mirrors=[mirror.url for mirror in mirrors],
                      patience=patience)
    return str(caught.value)


def same(dataset, arrays):
    return all(map(np.array_equal, dataset, arrays))


def leftovers(directory):
    return sorted(p.name for p in directory.iterdir() if p.name != ".lock")


def write(directory, files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (directory / name).write_bytes(body)


# The sources and their order


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


def test_files_of_the_installed_debian_package_are_preferred_to_mirrors(
        files, arrays, start):
    write(download.DEBIAN, files)
    mirror = start()
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert not mirror.requests


def test_uncompressed_files_are_accepted(files, arrays, tmp_path):
    write(tmp_path / "mine", {name.removesuffix(".gz"): gzip.decompress(body)
                              for name, body in files.items()})
    assert same(fashion_mnist(tmp_path / "mine"), arrays)


@pytest.mark.parametrize("named_by", ["the argument", "the variable"])
def test_a_file_missing_from_an_explicit_directory_is_named_not_downloaded(
        files, start, tmp_path, monkeypatch, named_by):
    write(download.DEBIAN, files)
    mirror, mine = start(), tmp_path / "mine"
    del files["t10k-labels-idx1-ubyte.gz"]
    write(mine, files)
    if named_by == "the variable":
        monkeypatch.setenv(download.VARIABLE, str(mine))
    with pytest.raises(DatasetNotAvailable) as caught:
        fashion_mnist(mine if named_by == "the argument" else None,
                      mirrors=[mirror.url])
    message = str(caught.value)
    assert f"{mine}/t10k-labels-idx1-ubyte.gz: no such file" in message
    assert IMAGES not in message.split("What to do")[0]
    assert not mirror.requests
    assert leftovers(mine) == sorted(files)


def test_a_damaged_file_in_an_explicit_directory_is_rejected_but_kept(
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
    with pytest.warns(UserWarning, match=rf"Skipping .*{IMAGES}\.gz"):
        assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert (cache / f"{IMAGES}.gz").read_bytes() == good
    assert mirror.requests == [(f"{IMAGES}.gz", None)]


def test_a_damaged_file_of_the_debian_package_is_reported_but_kept(
        files, arrays, start, cache):
    bad = files[f"{IMAGES}.gz"][:1000]
    write(download.DEBIAN, {**files, f"{IMAGES}.gz": bad})
    with pytest.warns(UserWarning, match="debian.*truncated"):
        assert same(fashion_mnist(mirrors=[start().url]), arrays)
    assert (download.DEBIAN / f"{IMAGES}.gz").read_bytes() == bad
    assert leftovers(cache) == [f"{IMAGES}.gz"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's convention")
def test_the_cache_respects_xdg_cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download._cache() == tmp_path / "d2l_extras" / "fashion-mnist"


# Mirrors that fail


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
def test_a_refusal_is_reported_with_its_cure_and_leaves_no_file(
        start, cache, answer, said):
    mirror = start(answer)
    message = failure(mirror)
    assert f"{mirror.url}/{IMAGES}.gz: {said}" in message
    assert "apt install dataset-fashion-mnist" in message
    assert "D2L_EXTRAS_DATA" in message
    assert leftovers(cache) == []
    assert len(mirror.requests) == 1, "a refused request was repeated"


def test_a_refused_connection_is_reported(start):
    mirror = start()
    mirror.shutdown()
    mirror.server_close()
    assert f"{mirror.url}/{IMAGES}.gz: Connection refused" in failure(mirror)


def test_a_working_mirror_is_tried_first_for_the_next_file(
        arrays, start):
    first, second = start(status(403)), start()
    assert same(fashion_mnist(mirrors=[first.url, second.url]), arrays)
    assert [len(first.requests), len(second.requests)] == [1, 4]


def test_if_every_source_fails_the_message_lists_each_with_its_answer(
        start, cache):
    mirrors = [start(status(404)), start(status(429))]
    message = failure(*mirrors)
    for line in (f"{cache}/{IMAGES}.gz: no such file",
                 f"{download.DEBIAN}/{IMAGES}.gz: no such file",
                 f"{mirrors[0].url}/{IMAGES}.gz: 404 Not Found",
                 f"{mirrors[1].url}/{IMAGES}.gz: 429 Too Many Requests",
                 f"apt-get download {download.PACKAGE}: Unable to locate package"):
        assert line in message.split("What to do")[0]


def test_an_interrupted_download_resumes_where_it_stopped(
        files, arrays, start, cache):
    mirror = start(cut_once(ranges))
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[:2] == [
        (f"{IMAGES}.gz", None), (f"{IMAGES}.gz", "bytes=30000-")]
    assert mirror.sent == sum(map(len, files.values()))
    assert leftovers(cache) == sorted(files)


def test_a_stalled_download_is_resumed(arrays, start, monkeypatch):
    # Long enough for a busy machine to give every answer that does not stall.
    monkeypatch.setattr(download, "TIMEOUT", 2)
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
def test_a_mirror_that_ignores_ranges_may_send_the_whole_file_again(
        arrays, start, again):
    mirror = start(cut_once(again))
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[1] == (f"{IMAGES}.gz", "bytes=30000-")


def test_after_repeated_interruptions_the_partial_file_is_kept_for_later(
        files, arrays, start, cache):
    mirror = start(lambda handler, body: handler.reply(body, cut=30_000))
    assert "truncated: 30,000 of 7" in failure(mirror)
    assert len(mirror.requests) == len(download.PAUSES)
    assert leftovers(cache) == [f"{IMAGES}.gz.part"]
    mirror.answer = ranges
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[len(download.PAUSES)] == (
        f"{IMAGES}.gz", "bytes=30000-")
    assert leftovers(cache) == sorted(files)


def test_one_mirror_continues_the_interrupted_download_of_another(
        arrays, start):
    first = start(lambda handler, body: handler.reply(body, cut=30_000))
    second = start(ranges)
    assert same(fashion_mnist(mirrors=[first.url, second.url]), arrays)
    assert second.requests[0] == (f"{IMAGES}.gz", "bytes=30000-")


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * 1_000_000],
                         ids=["other bytes", "more than the file"])
def test_a_useless_partial_file_is_discarded_and_the_download_restarts(
        arrays, start, cache, part):
    write(cache, {f"{IMAGES}.gz.part": part})
    mirror = start(ranges)
    assert same(fashion_mnist(mirrors=[mirror.url]), arrays)
    assert mirror.requests[:2] == [
        (f"{IMAGES}.gz", f"bytes={len(part)}-"), (f"{IMAGES}.gz", None)]


def test_a_log_shows_one_line_per_file_and_no_progress_bar(start, capsys):
    fashion_mnist(mirrors=[start().url])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(re.fullmatch(r"Downloaded http\S+\.gz \(0\.\d MB\)", line)
               for line in lines)


def test_a_terminal_shows_a_progress_bar(start, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fashion_mnist(mirrors=[start().url])
    assert f"\rFashion-MNIST [{'=' * 30}] 0.1 MB" in capsys.readouterr().err


# A network that is dead


@pytest.fixture
def silent_mirrors():
    """Return two addresses that accept connections but never respond."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield [f"http://127.0.0.1:{server.getsockname()[1]}/"
           for server in listening]
    for server in listening:
        server.close()


@pytest.fixture
def hanging_resolver(monkeypatch):
    """Return two mirrors whose names take forever to resolve."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait())
    yield ["http://one.invalid/", "http://two.invalid/"]
    over.set()


@pytest.fixture
def unknown_names(monkeypatch):
    """Let no name resolve, and return the list of requested names."""
    requested = []

    def resolve(host, *_, **__):
        requested.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return requested


def test_a_name_that_does_not_resolve_is_reported(files, unknown_names):
    with pytest.raises(DatasetNotAvailable) as caught:
        fashion_mnist(mirrors=["http://one.invalid/"])
    assert (f"http://one.invalid/{IMAGES}.gz: Name or service not known"
            ) in str(caught.value)


@pytest.mark.parametrize("kind", ["silent_mirrors", "hanging_resolver"])
def test_all_sources_together_wait_no_longer_than_the_limit(
        files, fake_apt, request, kind):
    fake_apt("exec tail -f /dev/null")
    mirrors = request.getfixturevalue(kind)
    with pytest.raises(DatasetNotAvailable) as caught:
        fashion_mnist(mirrors=mirrors, patience=0.4)
    limits = [float(seconds) for seconds in re.findall(
        r"no answer within (\S+) seconds", str(caught.value))]
    # The mirrors have 0.24 seconds. The first gets half of them, the second half
    # of what is left, and apt the rest of the 0.4 seconds. The message rounds to
    # two digits, which adds at most 5 percent.
    assert len(limits) == 3
    assert 0.06 < limits[0] <= 1.05 * 0.12
    assert limits[1] <= 1.05 * 0.06
    assert sum(limits) <= 1.05 * 0.4


def test_a_mirror_that_sends_only_headers_counts_as_silent(start):
    over = threading.Event()
    mirror = start(lambda handler, body: (
        handler.reply(body, cut=0), over.wait(60)))
    try:
        message = failure(mirror, patience=2)
    finally:
        over.set()
    assert f"{mirror.url}/{IMAGES}.gz: no answer within 0." in message
    assert len(mirror.requests) == 1, "a request to a silent mirror was repeated"


def test_a_mirror_that_is_silent_leaves_time_for_the_next(
        arrays, start, silent_mirrors):
    mirrors = [silent_mirrors[0], start().url]
    assert same(fashion_mnist(mirrors=mirrors, patience=5), arrays)


def test_a_slow_download_may_take_longer_than_the_limit(arrays, start):
    never = threading.Event()

    def answer(handler, body):
        handler.reply(body[:1], Content_Length=len(body))
        if len(handler.server.requests) == 1:
            never.wait(2.5)  # mirrors have 0.6 * 4 seconds for the first byte
        handler.wfile.write(body[1:])

    mirror = start(answer)
    assert same(fashion_mnist(mirrors=[mirror.url], patience=4), arrays)
    assert len(mirror.requests) == 4, "the download was interrupted"


# apt: the real apt-get, with a repository in a local folder


def run_apt(*command):
    return subprocess.run(["apt-get", "-qq", *command], check=True)


class Repository:
    """Make a Debian repository with one package, and a system that uses it.

    APT_CONFIG, which apt reads, points to a system folder instead of the machine's
    own. Its package lists are empty until `refresh` is called.
    """

    def __init__(self, folder):
        self.folder, self.system = folder / "repository", folder / "system"
        for path in ("lists/partial", "cache/archives/partial"):
            (self.system / path).mkdir(parents=True)
        (self.system / "status").touch()
        (self.system / "sources.list").write_text(
            f"deb [trusted=yes] copy:{self.folder} ./\n")
        self.configuration = folder / "apt.conf"
        self.configuration.write_text(f"""\
            Dir::Etc::sourcelist "{self.system}/sources.list";
            Dir::Etc::sourceparts "-";
            Dir::State "{self.system}";
            Dir::State::status "{self.system}/status";
            Dir::Cache "{self.system}/cache";
            APT::Update::Post-Invoke {{ "touch {self.system}/hooked"; }};
            """)

    def publish(self, files, version="1"):
        shutil.rmtree(self.folder, ignore_errors=True)
        tree = self.folder / "tree"
        write(tree / download.DEBIAN.relative_to("/"), files)
        control = (f"Package: {download.PACKAGE}\nVersion: {version}\n"
                   "Architecture: all\nMaintainer: Nobody <nobody@localhost>\n"
                   "Description: substitute for Fashion-MNIST\n")
        write(tree / "DEBIAN", {"control": control.encode()})
        package = self.folder / f"package_{version}.deb"
        subprocess.run(["dpkg-deb", "--build", "-Znone", tree, package],
                       check=True, capture_output=True)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        (self.folder / "Packages").write_text(
            f"{control}Filename: ./{package.name}\n"
            f"Size: {package.stat().st_size}\nSHA256: {digest}\n")
        return package

    def refresh(self):
        run_apt("update")
        (self.system / "hooked").unlink()

    def state(self):
        """Everything in the system folder that a change would change."""
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size)
                for path in self.system.rglob("*")}


@pytest.fixture
def repository(files, fake_apt, tmp_path, monkeypatch):
    fake_apt("").unlink()
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            pytest.skip(f"this machine has no {program}")
    repository = Repository(tmp_path)
    repository.publish(files)
    monkeypatch.setenv("APT_CONFIG", str(repository.configuration))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return repository


@pytest.mark.parametrize("lists", ["current", "empty", "outdated"])
def test_apt_fetches_the_package_and_leaves_the_system_as_it_was(
        files, arrays, cache, repository, lists):
    if lists != "empty":
        repository.refresh()
    if lists == "current":  # so an update would fail
        (repository.folder / "Packages").unlink()
    elif lists == "outdated":
        repository.publish(files, version="2")
    before = repository.state()
    assert same(fashion_mnist(mirrors=[]), arrays)
    assert repository.state() == before
    assert leftovers(cache) == sorted(files), "the package was not removed"
    assert {name: (cache / name).read_bytes() for name in files} == files
    repository.publish({})
    assert same(fashion_mnist(mirrors=[]), arrays), "the cache was not used"


def test_the_command_names_the_package_as_the_source(
        repository, unknown_names, capsys):
    assert main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: the package {download.PACKAGE}" for name in SIZES]


def test_a_package_with_other_bytes_is_rejected(files, cache, repository):
    files[f"{IMAGES}.gz"] = gzip.compress(b"other bytes")
    repository.publish(files)
    message = failure()
    assert (f"apt-get download {download.PACKAGE}: {download.DEBIAN}/{IMAGES}.gz: "
            "wrong checksum") in message
    assert leftovers(cache) == []


def test_a_package_that_differs_from_the_lists_is_rejected(
        files, cache, repository):
    package = repository.publish(files)
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    assert re.search("apt-get download.*Failed to fetch copy:", failure())
    assert leftovers(cache) == []


def test_a_package_without_a_file_is_rejected(files, repository):
    del files["t10k-labels-idx1-ubyte.gz"]
    repository.publish(files)
    assert (f"apt-get download {download.PACKAGE}: {download.DEBIAN}/"
            "t10k-labels-idx1-ubyte.gz: no such file") in failure()


def test_an_unknown_package_is_reported_in_one_line(repository):
    (repository.folder / "Packages").write_text("")
    line = re.search("apt-get download.*", failure())[0]
    assert line == (f"apt-get download {download.PACKAGE}: "
                    f"Unable to locate package {download.PACKAGE}")


def test_a_repository_that_is_gone_is_reported_in_one_line(repository):
    shutil.rmtree(repository.folder)
    line = re.search("apt-get download.*", failure())[0]
    assert re.fullmatch(
        f"apt-get download {download.PACKAGE}: Failed to fetch copy:.*; "
        f"Unable to locate package {download.PACKAGE}", line)


def test_a_repository_that_refuses_connections_is_reported_in_one_line(
        repository, monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    (repository.system / "sources.list").write_text(
        f"deb [trusted=yes] {url} ./\n")
    line = re.search("apt-get download.*", failure())[0]
    assert re.fullmatch(
        f"apt-get download {download.PACKAGE}: Failed to fetch {url}.*refused.*; "
        f"Unable to locate package {download.PACKAGE}", line)


def test_a_repository_that_never_answers_is_abandoned_at_the_limit(
        repository, silent_mirrors, monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    (repository.system / "sources.list").write_text(
        f"deb [trusted=yes] {silent_mirrors[0]} ./\n")
    message = failure(patience=1.5)
    assert f"apt-get download {download.PACKAGE}: no answer within 1." in message


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb"])
def test_the_error_names_the_missing_program_on_a_machine_without_apt(
        files, fake_apt, monkeypatch, program):
    folder = fake_apt("exit 1").parent
    if program == "apt-get":
        (folder / "apt-get").unlink()
    monkeypatch.setenv("PATH", str(folder))
    assert (f"apt-get download {download.PACKAGE}: {program} is not installed"
            ) in failure()


def test_apt_is_not_run_while_a_mirror_answers(
        arrays, start, fake_apt, tmp_path):
    fake_apt(f"touch {tmp_path}/asked")
    assert same(fashion_mnist(mirrors=[start().url]), arrays)
    assert not (tmp_path / "asked").exists()


def test_apt_is_run_after_mirrors_whose_names_do_not_resolve(
        arrays, repository, unknown_names):
    assert same(fashion_mnist(mirrors=["http://one.invalid/",
                                       "http://two.invalid/"]), arrays)
    assert unknown_names == ["one.invalid", "two.invalid"]


def test_apt_fetches_what_the_mirrors_lack(arrays, start, cache, repository):
    def answer(handler, body):
        labels = "labels" in handler.path
        handler.reply(b"no", 404) if labels else handler.reply(body)

    assert same(fashion_mnist(mirrors=[start(answer).url]), arrays)
    assert len(leftovers(cache)) == 4


def test_an_apt_that_hangs_is_killed_with_its_children(
        files, fake_apt, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fake_apt(f"exec 3> {pipe}; echo started >&3; tail -f /dev/null & wait")
    message = failure(patience=1.5)
    assert f"apt-get download {download.PACKAGE}: no answer within 1." in message
    assert os.read(reader, 1000).startswith(b"started")
    # The pipe ends when no process has it open for writing any more.
    ended, _, _ = select.select([reader], [], [], 10)
    assert ended and os.read(reader, 1000) == b""
    os.close(reader)


def test_an_apt_that_receives_bytes_may_take_longer_than_the_limit(
        files, arrays, fake_apt, repository):
    package = repository.publish(files)
    fake_apt(f"echo x > part; sleep 1.7; cp {package} .")
    assert same(fashion_mnist(mirrors=[], patience=1.5), arrays)


def test_with_apt_an_unwritable_cache_keeps_the_data_in_memory(
        arrays, cache, repository, tmp_path):
    cache.write_text("a file in place of the directory")
    with pytest.warns(UserWarning, match=f"{cache}: cannot be written"):
        assert same(fashion_mnist(mirrors=[]), arrays)
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("room", [0, 1 << 60])
def test_with_apt_a_full_disk_keeps_the_data_in_memory(
        arrays, cache, repository, tmp_path, monkeypatch, room):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(download, "ROOM", room)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        assert same(fashion_mnist(mirrors=[]), arrays)
    assert len(caught) == 1
    assert leftovers(cache) == []
    assert not list((tmp_path / "tmp").iterdir())


# Caches that cannot be written, and concurrent processes


def test_if_the_cache_cannot_be_created_the_data_stay_in_memory(
        arrays, start, cache):
    cache.write_text("a file where the directory should be")
    with pytest.warns(UserWarning, match=f"{cache}: cannot be written"):
        assert same(fashion_mnist(mirrors=[start().url]), arrays)
    assert cache.read_text() == "a file where the directory should be"


def test_an_unwritable_cache_is_reported_even_if_every_source_fails(
        start, cache):
    cache.write_text("a file where the directory should be")
    assert f"{cache}: cannot be written" in failure(start(status(403)))


def test_a_full_disk_keeps_the_data_in_memory_and_no_partial_file(
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
from d2l_extras import download
from d2l_extras.fashion_mnist import fashion_mnist
settings = json.loads(sys.argv[1])
download.FILES = settings["files"]
download.DEBIAN = Path(settings["debian"])
download._cache = lambda: Path(settings["cache"])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    dataset = fashion_mnist(mirrors=[settings["mirror"]])
print(json.dumps({"pixels": int(dataset.X_train.sum()),
                  "warnings": [str(w.message) for w in caught],
                  "files": sorted(os.listdir(settings["cache"]))}))
"""


def client(mirror, cache, *prefix):
    """Start a process that loads the dataset, and return it with its pipes."""
    settings = {"files": download.FILES, "cache": str(cache), "mirror": mirror.url,
                "debian": str(download.DEBIAN)}
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", CLIENT, json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def result(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def mounted(options):
    """Return the command prefix that mounts a tmpfs over the cache."""
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
    not can_mount(), reason="a tmpfs cannot be mounted on this machine")


@needs_mounts
def test_a_genuinely_full_disk_keeps_the_data_in_memory(
        arrays, start, cache):
    cache.mkdir()
    outcome = result(client(start(), cache, *mounted("size=64k"), cache))
    assert outcome["pixels"] == arrays[0].sum()
    assert len(outcome["warnings"]) == 1
    assert "No space left on device" in outcome["warnings"][0]
    assert not [name for name in outcome["files"]
                if IMAGES in name or name.endswith(".part")]


@needs_mounts
def test_a_genuinely_read_only_disk_keeps_the_data_in_memory(
        arrays, start, cache):
    cache.mkdir()
    outcome = result(client(start(), cache, *mounted("ro"), cache))
    assert outcome["pixels"] == arrays[0].sum()
    assert len(outcome["warnings"]) == 1
    assert "Read-only file system" in outcome["warnings"][0]
    assert outcome["files"] == []


def test_of_two_concurrent_processes_one_downloads_and_the_other_waits(
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


def test_the_next_process_resumes_the_download_of_a_killed_one(
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


# The command, the decoder, and the labels


def test_the_command_prints_where_each_file_is_and_prefers_the_cache(
        files, cache, capsys):
    write(download.DEBIAN, files)
    write(cache, {f"{IMAGES}.gz": files[f"{IMAGES}.gz"]})
    assert main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: {cache if name == IMAGES else download.DEBIAN}/{name}.gz"
        for name in SIZES]


def test_the_command_exits_with_status_1_if_files_are_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "d2l_extras.fashion_mnist"], check=False, text=True,
        capture_output=True, cwd=tmp_path, env={
            **os.environ, "PYTHONPATH": str(ROOT),
            "D2L_EXTRAS_DATA": str(tmp_path)})
    assert done.returncode == 1
    assert f"{tmp_path}/{IMAGES}.gz: no such file" in done.stderr
    assert "D2L_EXTRAS_DATA" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_mirror_uses_https():
    assert len(download.MIRRORS) >= 3
    assert all(mirror.startswith("https://") for mirror in download.MIRRORS)


def test_the_dataset_prints_its_sizes_shapes_and_dtypes(files, start):
    printed = repr(fashion_mnist(mirrors=[start().url]))
    assert "100 training and 10 test images" in printed
    assert "X_train (100, 28, 28) uint8" in printed
    assert "y_test (10,) int32" in printed


@pytest.mark.parametrize("broken, said", [
    (b"\x1f\x8b\x08\x00" + bytes(20), "not an idx file.*1f 8b 08 00"),
    (b"\0\0\x0d\x01\0\0\0\x01" + bytes(4), "not an idx file.*00 00 0d 01"),
    (b"", "not an idx file"),
    (b"\0\0\x08\x03\0\0\0\x01", "ends within the header"),
    (idx(np.zeros((2, 3), np.uint8))[:-1], r"\(2, 3\), .* 18 bytes.* 17"),
    (idx(np.zeros((2, 3), np.uint8)) + b"x", r"\(2, 3\), .* 18 bytes.* 19"),
], ids=["compressed", "floats", "empty", "header", "short", "long"])
def test_bytes_that_are_not_an_idx_file_are_rejected(broken, said):
    with pytest.raises(ValueError, match=said):
        decode_idx(broken)


def test_labels_have_the_names_given_by_the_authors():
    assert text_labels(np.array([9, 0])) == ["ankle boot", "t-shirt/top"]
    for label in (-1, 10):
        with pytest.raises(ValueError, match=f"no class {label}.*0 to 9"):
            text_labels([label])
