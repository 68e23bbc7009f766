"""References lead somewhere, in the book and in notebooks far from it."""

import re
from pathlib import Path

import pytest
from support import ROOT
from support.tiny_book import HEADER

from _ext import frameworks, labels, split

FRAMEWORKS = frameworks.load(ROOT)
SITE = "https://somebody.github.io/book/"
BIB = """
@article{Two.2001, author = {One, Ann and {Two}, Bob}, title = {T}, year = {2001}}
@book{Many.1999, author = {First, A. and Second, B. and Third, C.}, year = {1999}}
"""


@pytest.fixture
def book(tmp_path: Path) -> labels.Labels:
    """A book of two numbered pages, the second of which we translate."""
    chapters = tmp_path / "chapters"
    chapters.mkdir()
    (tmp_path / "_config.yml").write_text(
        "repository: {url: https://github.com/somebody/book}\n"
    )
    (tmp_path / "_toc.yml").write_text(
        "root: chapters/start\nparts:\n- numbered: true\n  chapters:\n"
        "  - file: chapters/one\n  - file: chapters/two\n"
    )
    (chapters / "start.md").write_text("(chap_start)=\n# Start\n")
    (chapters / "one.md").write_text(
        "(sec_one)=\n(sec_uno)=\n# Number One\n\n$$\na\n$$ (eq_a)\n\n$$b$$ (eq_b)\n"
    )
    (chapters / "two.md").write_text("(sec_two)=\n# Two\n\n$$c$$ (eq_c)\n")
    (chapters / "works.bib").write_text(BIB)
    return labels.read(tmp_path)


def plain(book: labels.Labels, text: str) -> str:
    source = f"{HEADER}\n# Two\n\n$$c$$ (eq_c)\n\n{text}"
    page = split.parse(source, Path("two.md"), "two", FRAMEWORKS)
    node = split.notebook(page, FRAMEWORKS["mxnet"], labels=book)
    return node.cells[-1].source.split("\n\n")[-1]


def test_numbers_begin_with_the_number_of_the_page(book):
    assert book.targets["eq_b"].text == "Equation 1.2"
    assert book.targets["eq_c"].number == "2.1"
    assert book.targets["sec_uno"].text == "Number One"


def test_a_reference_to_another_page_is_a_link_to_the_site(book):
    link = f"[Number One]({SITE}chapters/one.html#sec-one)"
    assert plain(book, "See {ref}`sec_one`.") == f"See {link}."
    link = f"[before]({SITE}chapters/one.html#sec-one)"
    assert plain(book, "As {ref}`before <sec_one>`.") == f"As {link}."
    link = f"[(1.2)]({SITE}chapters/one.html#equation-eq-b)"
    assert plain(book, "By {eq}`eq_b`.") == f"By {link}."


def test_a_reference_within_the_page_is_its_number(book):
    assert plain(book, "By {eq}`eq_c`.") == "By (2.1)."


def test_a_citation_names_authors_and_year(book):
    url = f"{SITE}chapters/references.html"
    text = plain(book, "{cite:t}`Two.2001` show it {cite:p}`Many.1999`.")
    assert text == (
        f"[One and Two (2001)]({url}) show it ([First et al., 1999]({url}))."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ref}`sec_none`", "nothing is labeled 'sec_none'"),
        ("{cite:t}`None.1900`", "no work has the key 'None.1900'"),
    ],
)
def test_a_reference_to_nothing_is_refused(book, text, message):
    with pytest.raises(split.SourceError, match=re.escape(message)):
        plain(book, text)


def test_without_a_site_a_reference_is_its_text(book):
    book.site = ""
    assert plain(book, "See {ref}`sec_one`.") == "See Number One."
    assert labels.site_of("https://gitlab.com/some/book") == ""


@pytest.mark.parametrize(
    ("label", "role"),
    [(r"\$\$ \((eq_\w+)\)", "eq"), (r"name: (fig_\w+)", "numref")],
    ids=["equations", "figures"],
)
def test_what_has_a_number_is_referred_to(label, role):
    pages = (ROOT / "chapters").rglob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    numbered = set(re.findall(label, text))
    used = re.findall(rf"\{{{role}\}}`(?:[^`<]*<)?(\w+)", text)
    assert numbered and numbered <= set(used), numbered - set(used)


# Readers link to these: they stay as they are.
PROMISED = {
    "chap_linear": "linear-networks/index",
    "sec_linear_regression": "linear-networks/linear-regression",
    "subsec_linear_model": "linear-networks/linear-regression",
    "subsec_normal_distribution_and_squared_loss":
        "linear-networks/linear-regression",
    "sec_linear_scratch": "linear-networks/linear-regression-scratch",
    "sec_linear_concise": "linear-networks/linear-regression-concise",
    "sec_linear_gluon": "linear-networks/linear-regression-concise",
    "sec_softmax": "linear-networks/softmax-regression",
    "subsec_softmax_operation": "linear-networks/softmax-regression",
    "subsec_softmax_and_derivatives": "linear-networks/softmax-regression",
    "subsec_info_theory_basics": "linear-networks/softmax-regression",
    "sec_fashion_mnist": "linear-networks/image-classification-dataset",
    "sec_softmax_scratch": "linear-networks/softmax-regression-scratch",
    "sec_softmax_concise": "linear-networks/softmax-regression-concise",
    "sec_softmax_gluon": "linear-networks/softmax-regression-concise",
    "sec_naive_bayes": "appendix/naive-bayes-underflow",
    "sec_measurements": "appendix/measurements",
}


@pytest.mark.parametrize("label", PROMISED)
def test_a_promised_label_leads_to_its_page(label):
    assert labels.read(ROOT).targets[label].page == PROMISED[label]


@pytest.mark.parametrize("label", PROMISED)
def test_the_address_of_a_promised_label_exists(label):
    site = ROOT / "_build" / "html" / "chapters"
    html = (site / f"{PROMISED[label]}.html").read_text(encoding="utf-8")
    assert f'id="{label.replace("_", "-")}"' in html
