"""The search index has an entry for everything that a reader may look for."""

import lxml.html
import pytest

from _ext.search_index import index_entries

NABLA = (
    '<span class="math"><math><semantics><mi>∇</mi><mi>L</mi>'
    r"<annotation>\nabla L(\hat{\mathbf{y}})</annotation></semantics></math></span>"
)
PAGE = f"""<html><body><article><section id="page">
<h1><span class="section-number">4. </span>A Page</h1>
<p>Beginning.</p>
<section id="models"><span id="sec-models"></span>
<h2><span class="section-number">4.1. </span>Models<a class="headerlink">#</a></h2>
<p>The gradient {NABLA} is small.</p>
<div class="cell"><div class="cell_input"><pre>def model(X):
    return X

print(1)</pre></div>
<div class="cell_output"><pre>printed</pre><figure id="fig-line">
<figcaption><span class="caption-number">Fig. 4.1 </span>A line.</figcaption>
</figure></div></div>
<div class="cell"><div class="cell_input"><pre>print(1)</pre></div></div>
<div class="cell_output" id="fig-both">
<figure id="fig-both-alpha"><figcaption>
<span class="caption-number">Fig. 4.2 </span>Twice.</figcaption></figure>
<figure id="fig-both-beta"><figcaption>
<span class="caption-number">Fig. 4.2 </span>Twice.</figcaption></figure></div>
<div class="math" id="equation-eq-gradient">{NABLA}
<span class="eqno">(4.3)<a class="headerlink">#</a></span></div>
</section>
<section id="exercises">
<h2><span class="section-number">4.2. </span>Exercises</h2>
<div class="exercise admonition" id="ex_shapes">
<p class="admonition-title"><span class="caption-number">Exercise 4.1 </span>
(<span class="grade">★★</span> Shapes)</p>
<div><p>What is the shape?</p><details class="sd-dropdown">
<summary>Hint</summary><p>Hinted.</p></details></div></div>
<details class="solution admonition"><summary>Solution</summary><p>Solved.</p>
<pre>solved = 1</pre>{NABLA}
<figure id="fig-solved"><figcaption>
<span class="caption-number">Fig. 4.3 </span>Solved.</figcaption></figure></details>
</section></section></article></body></html>"""
GLOSSARY = """<html><body><article><section id="glossary"><h1>Glossary</h1><p>Terms.</p>
<dl class="glossary"><dt id="term-loss">loss<a class="headerlink">#</a></dt>
<dd><p>What training lowers.</p></dd></dl></section></article></body></html>"""


@pytest.fixture
def found():
    entries = index_entries(lxml.html.fromstring(PAGE), "page.html")
    return {entry["url"].removeprefix("page.html#"): entry for entry in entries}


def test_every_section_exercise_figure_and_equation_is_an_entry(found):
    assert {id: (entry["kind"], entry["number"]) for id, entry in found.items()} == {
        "page": ("section", "4"),
        "models": ("section", "4.1"),
        "fig-line": ("figure", "Fig. 4.1"),
        "fig-both": ("figure", "Fig. 4.2"),
        "equation-eq-gradient": ("equation", "Equation 4.3"),
        "exercises": ("section", "4.2"),
        "ex_shapes": ("exercise", "Exercise 4.1"),
        "fig-solved": ("figure", "Fig. 4.3"),
    }


def test_an_exercise_has_its_title_and_text_but_no_hint(found):
    exercise = found["ex_shapes"]
    assert exercise["title"] == "Shapes"
    assert exercise["text"] == "What is the shape?"
    assert exercise["page"] == "4. A Page"


@pytest.mark.parametrize("word", ["Solved", "solved = 1", "Hinted"])
def test_the_index_quotes_neither_solutions_nor_hints(found, word):
    assert word not in str(found)


def test_formulas_in_the_text_are_readable(found):
    assert found["models"]["text"].startswith("The gradient ∇L is small.")
    assert found["equation-eq-gradient"]["text"] == "∇L"


def test_a_section_knows_the_tex_commands_of_its_own_formulas(found):
    assert found["models"]["tex"] == r"\hat{y} \nabla"
    assert "tex" not in found["page"] and "tex" not in found["exercises"]


def test_code_is_kept_apart_from_the_text_with_each_line_once(found):
    assert found["models"]["code"] == "def model(X):\n    return X\nprint(1)"
    assert "print" not in found["models"]["text"]


def test_what_is_in_a_tab_has_its_framework_and_its_place():
    def tab(framework, content):
        return (
            f'<div class="tab" id="tab-1-{framework}-panel" '
            f'data-framework="{framework}">{content}</div>'
        )

    page = (
        '<html><body><article><section id="a"><h1>A</h1><p>All.</p><pre>X = 1</pre>'
        + tab("jax", "<pre>import jax\n\nprint(X)</pre><p>In JAX.</p>")
        + tab("pytorch", "<pre>import torch</pre><div class='cell_output'>1</div>")
        + "</section></article></body></html>"
    )
    (entry,) = index_entries(lxml.html.fromstring(page), "a.html")
    assert (entry["text"], entry["code"]) == ("All.", "X = 1")
    jax, pytorch = entry["parts"]
    assert jax == {
        "framework": "jax",
        "place": "tab-1-jax-panel",
        "code": "import jax\nprint(X)",
        "text": "In JAX.",
    }
    assert pytorch["code"] == "import torch" and "text" not in pytorch


def test_folded_code_has_its_place():
    cell = (
        '<div class="cell" id="cell-1"><details class="admonition hide above-input">'
        "<summary><p>Show the code</p></summary><pre>hidden = 1</pre></details></div>"
    )
    page = (
        f'<html><body><article><section id="a"><h1>A</h1><p>All.</p>{cell}'
        "<pre>shown = 1</pre></section></article></body></html>"
    )
    (entry,) = index_entries(lxml.html.fromstring(page), "a.html")
    assert (entry["text"], entry["code"]) == ("All.", "shown = 1")
    assert entry["parts"] == [{"place": "cell-1", "code": "hidden = 1"}]


def test_an_entry_knows_its_label(found):
    assert found["models"]["labels"] == "sec_models"
    assert found["equation-eq-gradient"]["labels"] == "eq_gradient"
    assert found["fig-line"]["labels"] == "fig_line"
    assert found["ex_shapes"]["labels"] == "ex_shapes"


def test_the_terms_of_a_glossary_are_entries():
    entries = list(index_entries(lxml.html.fromstring(GLOSSARY), "glossary.html"))
    assert entries == [
        {
            "kind": "term",
            "labels": "term_loss",
            "title": "loss",
            "text": "What training lowers.",
            "page": "Glossary",
            "url": "glossary.html#term-loss",
        },
        {
            "kind": "section",
            "title": "Glossary",
            "text": "Terms.",
            "url": "glossary.html#glossary",
        },
    ]


def test_a_page_without_an_article_has_no_entries():
    assert list(index_entries(lxml.html.fromstring("<p>Words.</p>"), "page.html")) == []
