"""Each notebook has addresses in Colab, in Binder, and on its host."""

import pytest

from bookbuild import frameworks
from _ext import launch_buttons

JAX = frameworks.Framework("jax", "JAX", "jax", "jax.txt", (), "CPU")


def shown(repository: str | None, branch: str | None = None) -> list[dict]:
    options = {"repository_url": repository, "repository_branch": branch}
    menu = launch_buttons.menu(
        [JAX], "chapters/a b/page", options, lambda path, n: f"../{path}" * n
    )
    assert menu["group"] == "framework"
    [framework] = menu["frameworks"]
    assert framework["name"] == "jax"
    return framework["links"]


def test_a_repository_on_github_has_all_addresses():
    assert shown("https://github.com/some/book") == [
        {
            "kind": "colab",
            "url": "https://colab.research.google.com/github/some/book/blob/"
            "main/notebooks/jax/a%20b/page.ipynb",
            "text": "Open JAX in Colab",
        },
        {
            "kind": "binder",
            "url": "https://mybinder.org/v2/gh/some/book/main"
            "?labpath=notebooks%2Fjax%2Fa%20b%2Fpage.ipynb",
            "text": "Open JAX in Binder",
        },
        {
            "kind": "download",
            "url": "../notebooks/jax/a%20b/page.ipynb",
            "text": "Download JAX notebook",
        },
        {
            "kind": "source",
            "url": "https://github.com/some/book/blob/main/notebooks/jax/"
            "a%20b/page.ipynb",
            "text": "View JAX source",
        },
    ]


def test_a_branch_is_url_encoded_except_for_its_slashes():
    urls = [link["url"] for link in shown("https://github.com/s/b", "fix/no#1")]
    assert "/blob/fix/no%231/" in urls[0] and "/b/fix/no%231?" in urls[1]


def test_a_repository_on_gitlab_has_no_address_in_colab():
    links = shown("https://gitlab.com/some/deep/book/")
    assert [link["kind"] for link in links] == ["binder", "download", "source"]
    assert "/gl/some%2Fdeep%2Fbook/main?" in links[0]["url"]
    assert "gitlab.com/some/deep/book/-/blob/main/" in links[2]["url"]


@pytest.mark.parametrize("host", ["github.com", "gitlab.com"])
@pytest.mark.parametrize("ending", ["", "/", ".git", ".git/"])
def test_the_address_of_a_repository_may_end_in_git_or_a_slash(ending, host):
    repository = f"https://{host}/some/book"
    assert shown(repository + ending) == shown(repository)


@pytest.mark.parametrize(
    "repository",
    [
        None,
        "",
        "https://example.org/a/b",
        "https://example.org/https://github.com/a/b",
        "http://github.com/a/b",
        "https://github.com/a",
    ],
)
def test_notebooks_on_other_hosts_can_only_be_downloaded(repository):
    assert [link["kind"] for link in shown(repository)] == ["download"]
