"""Fetch a Debian package with apt, without root and without installing it.

apt reads the system's package lists but writes only to a folder of ours.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

STALL = 20  # seconds that a download may pause once bytes have arrived
# Distributions attach commands to `apt-get update`. Some of them change the
# system, so the first line removes them all. In its sandbox, apt would run as
# another user, who may not have permission to write to our folder. Writing a
# binary cache of the package lists would look as if bytes were arriving.
CONFIGURATION = """\
#clear APT::Update;
APT::Update::Error-Mode "any";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "10";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""


class AptError(Exception):
    """Report in one line why a package could not be fetched."""


def fetch_package(package: str, folder: Path, patience: float) -> Path:
    """Download a Debian package into an empty folder and unpack it there.

    Returns the folder that takes the place of / for the unpacked files. New
    package lists are fetched, into `folder`, only if the package cannot be
    downloaded with the system's lists. If the network does not respond, this
    gives up after `patience` seconds, but a slow download may take longer.
    Raises AptError if the package cannot be fetched or unpacked.
    """
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise AptError(f"{program} is not installed, or not on the PATH")
    (folder / "apt.conf").write_text(CONFIGURATION)
    (folder / "lists" / "partial").mkdir(parents=True)
    run = _Runner(folder, patience)
    apt = ["apt-get", "-q", "-c", "apt.conf", "-o", f"Dir::Cache={folder}"]
    refreshed = [*apt, "-o", f"Dir::State::Lists={folder / 'lists'}"]
    if run(*apt, "download", package):  # unknown, or replaced by a new version
        problems = [run(*refreshed, "update"),
                    run(*refreshed, "download", package)]
        if problems[-1]:
            raise AptError("; ".join(dict.fromkeys(filter(None, problems))))
    if problem := run("dpkg-deb", "-x", *map(str, folder.glob("*.deb")),
                      "unpacked"):
        raise AptError(problem)
    return folder / "unpacked"


class _Runner:
    """Run commands in a folder, and kill a command if the folder stops growing."""

    def __init__(self, folder: Path, patience: float):
        self.folder = folder
        self.size = self._bytes()
        self.deadline = time.monotonic() + patience
        self.silence = f"no answer within {patience:.2g} seconds"

    def __call__(self, *command: str) -> str:
        """Run a command, and return its first error, or "" if it succeeded."""
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True)  # so that all its processes can be killed
            try:
                while process.poll() is None:
                    if self._is_dead():
                        return self.silence
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(0.1)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if process.returncode == 0:
                return ""
            output.seek(0)
            lines = output.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("E: ")] or lines
        return errors[0].removeprefix("E: ") if errors else (
            f"{command[0]} ended with status {process.returncode}")

    def _is_dead(self) -> bool:
        if (size := self._bytes()) != self.size:
            self.size = size
            self.silence = f"no more bytes within {STALL} seconds"
            self.deadline = max(self.deadline, time.monotonic() + STALL)
        return time.monotonic() > self.deadline

    def _bytes(self) -> int:
        size = 0
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # apt has just renamed it
                size += path.stat().st_size if path.is_file() else 0
        return size
