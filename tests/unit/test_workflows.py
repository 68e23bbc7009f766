"""The workflows build, test, and publish the book, also in a fork."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import ROOT

from bookbuild import frameworks, print_editions

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEPENDABOT = ROOT / ".github" / "dependabot.yml"
BOOK, NEWEST, RELEASE = (
    yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    for name in ("book.yml", "newest.yml", "release.yml")
)
BIN = Path(sys.executable).parent
every_workflow = pytest.mark.parametrize(
    "path", WORKFLOWS, ids=lambda path: path.name
)


def steps(workflow: dict) -> list[dict]:
    return [
        s for job in workflow["jobs"].values() for s in job.get("steps", [])
    ]


def commands(workflow: dict) -> str:
    return "\n".join(step.get("run", "") for step in steps(workflow))


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.dependabot", DEPENDABOT)]
    + [("vendor.github-workflows", path) for path in WORKFLOWS],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_workflow_is_valid_by_githubs_schema(schema, path):
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, path],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_no_vulnerability_in_the_workflows():
    done = subprocess.run(
        [BIN / "zizmor", "--offline", "--no-progress", ROOT / ".github"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout


@every_workflow
def test_every_action_is_pinned_to_a_commit_and_names_its_version(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    for use in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use), use


def test_the_workflows_agree_on_the_version_of_an_action():
    pins: dict[str, set] = {}
    for path in WORKFLOWS:
        for name, pin in re.findall(r"uses: (\S+)@(.*)", path.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert all(len(found) == 1 for found in pins.values()), pins


@pytest.mark.parametrize(
    "workflow", [BOOK, NEWEST, RELEASE], ids=["book", "newest", "release"]
)
def test_every_job_has_only_the_permissions_that_it_needs(workflow):
    assert workflow["permissions"] == {}
    writes = {
        (name, permission)
        for name, job in workflow["jobs"].items()
        for permission, access in job["permissions"].items()
        if access != "read"
    }
    allowed = {
        ("deploy", "pages"), ("deploy", "id-token"), ("report", "issues"),
        ("publish", "contents"),
    }  # fmt: skip
    assert writes <= allowed
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120


def test_every_framework_is_executed_on_a_machine_of_its_own():
    execute = BOOK["jobs"]["execute"]
    names = execute["strategy"]["matrix"]["framework"]
    assert names == "${{ fromJSON(needs.frameworks.outputs.names) }}"
    done = subprocess.run(
        [sys.executable, "-m", "bookbuild.frameworks"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    key, listed = done.stdout.strip().split("=")
    assert key == "names"
    assert json.loads(listed) == list(frameworks.used(ROOT))
    assert 'make notebooks FRAMEWORKS="$FRAMEWORK"' in commands(BOOK)


def test_the_site_is_published_only_when_it_was_built_and_tested():
    deploy = BOOK["jobs"]["deploy"]
    assert set(deploy["needs"]) == {"build", "test"}
    assert "github.ref == 'refs/heads/main'" in deploy["if"]
    assert "github.event_name == 'push'" in deploy["if"]
    assert "execute" in BOOK["jobs"]["build"]["needs"]


def test_the_published_site_offers_the_pdfs_and_epubs():
    done = "\n".join(step.get("run", "") for step in BOOK["jobs"]["build"]["steps"])
    assert "make downloads STRICT=1" in done
    packages = {*print_editions.TEX_FILES.values()}.union(
        *(programs.values() for programs in print_editions.PROGRAMS.values())
    )
    assert packages <= set(done.split())


def test_the_weekly_run_tries_newest_versions_audits_and_reports_failures():
    assert "schedule" in NEWEST[True]  # YAML reads the key `on` so
    done = commands(NEWEST)
    assert "make lock UPGRADE=1" in done and "git push" not in done
    assert "make audit" in done and "colab/image.sh" in done
    report = NEWEST["jobs"]["report"]
    assert report["if"] == "failure()"
    assert set(report["needs"]) == set(NEWEST["jobs"]) - {"report"}
    assert "gh issue create" in report["steps"][-1]["run"]


def test_each_notebook_runs_alone_in_colabs_image_and_failures_are_listed(tmp_path):
    # A stand-in for Docker records its arguments, and fails for the second notebook.
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        '#!/bin/sh\necho "$@" >> calls\n'
        'case "$*" in *"second one.ipynb"*) echo broken; exit 1;; esac\n'
    )
    docker.chmod(0o755)
    for name in ("mxnet/linear/first.ipynb", "tensorflow/linear/second one.ipynb"):
        path = tmp_path / "notebooks" / name
        path.parent.mkdir(parents=True)
        path.touch()
    script = ROOT / "tests/support/colab/image.sh"
    path = f"{docker.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", script], cwd=tmp_path, env={"PATH": path},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "1 of 2 notebooks failed in Colab's image:",
        "notebooks/tensorflow/linear/second one.ipynb",
    ]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0].startswith("pull ") and len(calls) == 3
    assert all("--rm" in call and "nbconvert" in call for call in calls[1:])
    (tmp_path / "notebooks/tensorflow/linear/second one.ipynb").unlink()
    subprocess.run(["bash", script], cwd=tmp_path, env={"PATH": path}, check=True)


def test_a_release_has_a_tag_the_newest_changes_and_all_downloads(tmp_path):
    (tmp_path / "gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\ncat notes.md\n')
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "downloads").mkdir()
    for name in ("book.pdf", "book.epub", "site.zip"):
        (tmp_path / "downloads" / name).touch()
    (tmp_path / "CHANGELOG.md").write_text("# C\n\n## 2\n\nNew.\n\n## 1\n\nOld.\n")
    done = subprocess.run(
        ["bash", "-ec", RELEASE["jobs"]["publish"]["steps"][-1]["run"]],
        cwd=tmp_path, capture_output=True, text=True,
        env={
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "TAG": "fall-2026", "GITHUB_SHA": "abc",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.split("\n")
    assert said[:3] == ["release", "create", "fall-2026"]
    assert said[said.index("--target") + 1] == "abc"
    for name in ("book.pdf", "book.epub", "site.zip"):
        assert f"downloads/{name}" in said
    assert "New." in said and "Old." not in said


def test_git_reads_a_checkout_that_belongs_to_the_runners_user(tmp_path):
    # In a container, root works in a folder of the runner's user, which git refuses
    # unless the folder is declared safe.
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    lines = re.findall(r"(?m)^ *git .*", commands(NEWEST))
    env = {"HOME": str(tmp_path), "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    done = subprocess.run(
        ["bash", "-ec", "\n".join(lines)],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], **env},
        capture_output=True, text=True,
    )  # fmt: skip
    assert len(lines) > 1
    assert done.returncode == 0, done.stderr


GH = """\
#!/bin/sh
[ "$2" = list ] && { echo "$OPEN"; exit; }
echo "asked: $*"
cat body.md
"""


@pytest.mark.parametrize("log", ["it broke", None])
@pytest.mark.parametrize("number", ["", "7"])
def test_a_failure_is_reported_in_one_issue_with_or_without_a_log(
    tmp_path, number, log
):
    gh = tmp_path / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    if log:
        (tmp_path / "tail.log").write_text(f"{log}\n")
    job = NEWEST["jobs"]["report"]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", job["steps"][-1]["run"]],
        cwd=tmp_path, capture_output=True, text=True,
        env={**job["env"], "PATH": path, "OPEN": number, "RUN": "run/1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = f"issue comment {number} " if number else "issue create --title "
    assert f"asked: {asked}" in done.stdout
    assert "The weekly run failed: run/1" in done.stdout
    assert f"    {log or '(no log was saved; see the run)'}" in done.stdout
    # Without a log there is nothing to fetch, which must not end the job.
    assert job["steps"][0]["continue-on-error"] is True


def test_a_run_that_takes_too_long_is_a_failure():
    # A job is only cancelled, which reports nothing; a step fails.
    job = NEWEST["jobs"]["try"]
    (step,) = (s for s in job["steps"] if "make lock" in s.get("run", ""))
    assert step["timeout-minutes"] < job["timeout-minutes"]


@pytest.mark.parametrize(
    "workflow", [BOOK, NEWEST, RELEASE], ids=["book", "newest", "release"]
)
def test_every_command_that_is_called_exists(workflow):
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?m)^ *make ([a-z-]+)", commands(workflow)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"bash (\S+)", commands(workflow)):
        assert (ROOT / script).is_file(), script


def test_a_site_is_rendered_from_what_other_machines_executed(tmp_path):
    # The step that puts the artifacts in place, as the runner would do it.
    (step,) = (s for s in steps(BOOK) if "artifacts/" in s.get("run", ""))
    for name in ("mxnet", "tensorflow"):
        folder = tmp_path / "artifacts" / f"notebooks-{name}" / "chapter"
        folder.mkdir(parents=True)
        (folder / "page.ipynb").touch()
    subprocess.run(["bash", "-ec", step["run"]], cwd=tmp_path, check=True)
    for name in ("mxnet", "tensorflow"):
        outputs = tmp_path / "_build" / "outputs" / name
        assert (outputs / "chapter" / "page.ipynb").is_file()


def test_the_containers_install_what_the_projects_own_check_does():
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    settings = json.loads(text)
    command = settings["postCreateCommand"]
    assert command.endswith("&& make kernels")
    listed = (ROOT / ".ci" / "run").read_text()
    needed = re.search(r"needed=\(\n(.*?)\n\)", listed, re.DOTALL)[1].split()
    for package in needed:
        assert f" {package} " in command, package
    binder = ROOT / ".binder"
    assert (binder / "runtime.txt").read_text() == "python-3.11\n"
    libraries = set((binder / "apt.txt").read_text().split())
    assert libraries == {"libgomp1", "libquadmath0"}


def test_binder_gets_the_locked_environment_and_these_helpers():
    script = (ROOT / ".binder" / "postBuild").read_text()
    initial = frameworks.initial([*frameworks.used(ROOT).values()])
    backend = f"--torch-backend {initial.torch_backend}"
    assert f"{backend} --require-hashes -r {initial.lock}" in script
    assert script.strip().endswith(" .") and "--editable" not in script
    assert (ROOT / ".binder" / "postBuild").stat().st_mode & 0o111
