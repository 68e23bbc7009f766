"""Addresses of notebooks on GitHub, GitLab, Colab, and Binder."""

import pytest
from support import ROOT

from _ext import frameworks
from _ext.launch import addresses, menu

REPOSITORY = "https://github.com/some-body/some-book"
BINDER = "https://mybinder.org/v2"
DECLARED = list(frameworks.load(ROOT).values())


def offered(repository: str | None) -> list[str]:
    """Return the kinds of links in the menu of a page."""
    options = {"repository_url": repository}
    shown = menu(DECLARED[:1], "chapters/a", options, lambda path, _: path)
    return [link["kind"] for link in shown["frameworks"][0]["links"]]


@pytest.mark.parametrize("ending", ["", "/", ".git", ".git/"])
def test_an_address_may_end_in_a_slash_or_in_git(ending):
    ours = addresses(REPOSITORY, "main", "a")
    assert len(ours) == 3
    assert addresses(REPOSITORY + ending, "main", "a") == ours


def test_a_notebook_on_gitlab_opens_in_binder_but_not_in_colab():
    group = "https://gitlab.com/some/deep/book"
    assert addresses(group, "fix/no#1", "notebooks/a b.ipynb") == {
        "binder": f"{BINDER}/gl/some%2Fdeep%2Fbook/fix/no%231"
        "?labpath=notebooks%2Fa%20b.ipynb",
        "source": f"{group}/-/blob/fix/no%231/notebooks/a%20b.ipynb",
    }
    assert offered(group) == ["binder", "download", "source"]


@pytest.mark.parametrize(
    "repository",
    [
        None,
        "https://example.org/some/book",
        "https://example.org/https://github.com/some/book",
        "https://github.com/some",
        "http://github.com/some/book",
    ],
)
def test_a_notebook_on_any_other_host_can_only_be_downloaded(repository):
    assert offered(repository) == ["download"]
