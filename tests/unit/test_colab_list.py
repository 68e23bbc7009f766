"""A command renews the list of Colab's packages, or leaves it as it was."""

import json
from pathlib import Path

import pytest
from support.colab import renew, stand_in
from support.served import served

COMMIT = {"sha": "abc", "commit": {"committer": {"date": "2026-10-05T01:02:03Z"}}}
PACKAGES = "".join(f"{name}==1.0\n" for name in stand_in.ROOTS)


@pytest.fixture
def publish(tmp_path):
    """Write what Colab's repository would contain, and serve it."""

    def write(packages: str, system: str) -> Path:
        repository = tmp_path / "repos" / renew.NAME
        repository.mkdir(parents=True)
        (repository / "commits").write_text(json.dumps([COMMIT]))
        files = tmp_path / renew.NAME / "abc"
        files.mkdir(parents=True)
        (files / "pip-freeze.txt").write_text(packages)
        (files / "os-info.txt").write_text(system)
        return tmp_path

    return write


def renewed(folder: Path, path: Path) -> None:
    with served(folder) as url:
        renew.main(path, api=url.rstrip("/"), raw=url.rstrip("/"))


def test_the_list_is_replaced_and_says_where_it_is_from(publish, tmp_path, capsys):
    path = tmp_path / "packages.txt"
    renewed(publish(f"# A comment\n{PACKAGES}", "Ubuntu 26.04\nPython 3.14.2\n"), path)
    header, _, packages = path.read_text().rpartition("# Python 3.14\n")
    assert f"https://github.com/{renew.NAME}" in header
    assert "# abc, 2026-10-05\n" in header
    assert packages == PACKAGES
    assert capsys.readouterr().out == "packages.txt: abc, 2026-10-05, Python 3.14\n"


@pytest.mark.parametrize(
    ("packages", "system", "missing"),
    [("numpy==1.0\n", "Python 3.14.2\n", "tensorflow"), (PACKAGES, "?", "Python")],
)
def test_a_list_that_is_not_what_it_was_changes_nothing(
    publish, tmp_path, packages, system, missing
):
    path = tmp_path / "packages.txt"
    path.write_text("old")
    folder = publish(packages, system)
    with pytest.raises(SystemExit, match=f"has no .*{missing}.*unchanged"):
        renewed(folder, path)
    assert path.read_text() == "old"


def test_without_a_network_the_command_says_what_to_do(tmp_path):
    address = "http://127.0.0.1:9"
    with pytest.raises(SystemExit, match="Connect to the network"):
        renew.main(tmp_path / "packages.txt", api=address, raw=address)


def test_the_committed_list_names_its_python():
    assert stand_in.PYTHON.startswith("3.")
