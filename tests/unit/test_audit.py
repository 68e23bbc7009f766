"""`make audit` lists known vulnerabilities, and never takes silence for a pass."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import ROOT

from bookbuild import audit

PYTHON = ROOT / ".envs" / "audit" / "bin" / "python"
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nothing listens
PIN = "{}==1.0 --hash=sha256:" + 64 * "0" + "\n"
HOLE = {
    "id": "PYSEC-1",
    "aliases": ["CVE-1"],
    "summary": "Anyone can read everything.",
    "affected": [
        {
            "package": {"name": "kernel-package", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "1.1"}]}],
        }
    ],
}


@pytest.fixture
def service():
    """A stand-in for OSV on loopback.

    Gives its address, the packages that it was asked for, and the answers that
    it has, which are empty.
    """
    asked, holes = [], {}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name = json.loads(body)["package"]["name"]
            asked.append(name)
            answer = json.dumps(holes.get(name, {})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/", asked, holes
        server.shutdown()


@pytest.fixture(scope="module")
def pip_audit(request):
    """The Python of pip-audit's environment, made if it is not there."""
    if not PYTHON.exists():
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print("\nmaking .envs/audit for test_audit.py", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "bookbuild.environments", "--audit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return PYTHON


@pytest.fixture
def run(tmp_path, pip_audit):
    """Audit a small checkout, asking the service at an address."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "bookbuild").mkdir()
    (tmp_path / "kernels").mkdir()
    for file in ("__init__.py", "audit.py", "frameworks.py"):
        shutil.copy(ROOT / "bookbuild" / file, tmp_path / "bookbuild")
    shutil.copy(ROOT / "kernels/frameworks.toml", tmp_path / "kernels")
    for lock in audit.locks(tmp_path):
        kind = "kernel" if "kernels" in lock else "book"
        (tmp_path / lock).write_text(PIN.format(f"{kind}-package"))

    def run(url: str, *code: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [pip_audit, *(code or ("-m", "bookbuild.audit"))],
            cwd=tmp_path,
            env={**os.environ, "AUDIT_URL": url},
            capture_output=True,
            text=True,
        )

    return run


def test_every_lock_is_audited(service, run):
    url, asked, _ = service
    done = run(url)
    assert done.returncode == 0, done.stderr
    # Whatever looks like a lock is one.
    locks = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.txt", "kernels/*.txt", "tests/*.txt", "bookbuild/*.txt")
        for path in ROOT.glob(pattern)
        if "--hash=sha256:" in path.read_text()
    ]
    assert sorted(audit.locks()) == sorted(locks)
    for lock in locks:
        assert f"{lock}: 1 packages, none with known vuln" in done.stdout
    assert len(asked) == len(locks)


def test_a_vulnerability_is_listed_with_its_cure(service, run):
    url, _, holes = service
    holes["kernel-package"] = {"vulns": [HOLE]}
    code = "from _ext import audit; print(audit.audit('kernels/mxnet.txt'))"
    said = " ".join(run(url, "-c", code).stdout.split())
    assert said == (
        "kernels/mxnet.txt: 1 packages, 1 with known vulnerabilities, says "
        f"{url} kernel-package 1.0 PYSEC-1, CVE-1: Anyone can read everything. "
        "(mended in 1.1) 1"
    )


@pytest.mark.parametrize(("bad", "status"), [(1, 1), (0, 0)])
def test_a_vulnerability_fails_the_command(monkeypatch, bad, status):
    monkeypatch.setattr(audit, "audit", lambda lock: bad)
    said = audit.main()
    assert bool(said) == status
    assert not bad or "make lock UPGRADE=1" in said


def test_an_unreachable_service_fails_the_command(run):
    done = run(NOWHERE)
    assert done.returncode == 1
    assert "Nothing can be said of known vulnerabilities" in done.stderr
    assert f"{NOWHERE}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "packages" not in done.stdout


def answering(monkeypatch, answers):
    """Let pip-audit return these packages, one list per call."""
    answers = iter(answers)

    def run(*_, **__):
        text = json.dumps({"dependencies": next(answers)})
        return subprocess.CompletedProcess([], 0, text, "")

    monkeypatch.setattr(audit.subprocess, "run", run)
    monkeypatch.delenv("AUDIT_URL", raising=False)


FINE = [{"name": "a", "version": "1", "vulns": []}]
SILENT = [*FINE, {"name": "b", "skip_reason": "Dependency not found on PyPI"}]


def test_a_package_that_the_service_does_not_know_is_not_a_pass(monkeypatch):
    answering(monkeypatch, [SILENT, SILENT])
    with pytest.raises(audit.Unanswered, match="nothing of 1 of 2.* as b"):
        audit.audit("requirements.txt")


def test_where_one_service_does_not_answer_the_next_is_asked(
    monkeypatch, capsys
):
    answering(monkeypatch, [SILENT, FINE])
    assert audit.audit("requirements.txt") == 0
    assert f"none with known vulnerabilities, says {audit.OSV}" in (
        capsys.readouterr().out
    )
