"""Previews show the beginning of sections, and figures, exercises, and footnotes."""

from __future__ import annotations

import lxml.html
import pytest

from _ext.previews import first_sentences, previews


def page(body: str) -> lxml.html.HtmlElement:
    return lxml.html.fromstring(f"<html><body><article>{body}</article></body></html>")


def shown(body: str, name: str) -> str:
    link = f'<a class="reference internal" href="#{name}">See</a>'
    return previews({"a/b.html": page(link + body)}).get(f"a/b.html#{name}", "")


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("One. Two. Three.", "One. Two."),
        ("One <em>more. Than</em> two. Three.", "One <em>more. Than</em> two."),
        ("One <b>two</b>. <i>Three</i> four.", "One <b>two</b>."),
        ("Short, and then a formula.", "Short, and then a formula."),
        ("One. Two: ", "One."),
        ("No sentence", "No sentence"),
    ],
)
def test_a_paragraph_is_cut_after_a_sentence(paragraph, expected):
    cut = first_sentences(lxml.html.fromstring(f"<p>{paragraph}</p>"), enough=7)
    assert lxml.html.tostring(cut, encoding="unicode") == f"<p>{expected}</p>"


def test_a_section_is_found_by_its_other_labels():
    body = '<section id="one"><span id="sec-one"></span><h2>One</h2><p>Text.</p></section>'
    expected = '<div class="section"><p class="preview-title">One</p><p>Text.</p></div>'
    assert shown(body, "sec-one") == shown(body, "one") == expected


def test_only_what_a_page_refers_to_has_a_preview():
    body = '<section id="one"><h2>One</h2></section><section id="two"><h2>2</h2></section>'
    link = '<a class="reference" href="#two"></a><a class="headerlink" href="#one"></a>'
    assert list(previews({"a.html": page(link + body)})) == ["a.html#two"]


def test_a_reference_to_nothing_has_no_preview():
    assert shown("<p id='one'>Text</p>", "one") == ""
    assert shown("<p>Text</p>", "none") == ""


def test_the_image_of_a_figure_is_addressed_from_the_root_of_the_site():
    body = '<figure id="fig"><img src="../_images/1.svg"><button>x</button></figure>'
    html = shown(body, "fig")
    assert 'src="_images/1.svg"' in html
    assert "button" not in html


def test_the_figures_of_all_frameworks_are_told_apart():
    tab = '<div class="tab" data-framework="{0}"><figure><img src="{0}.svg"></figure></div>'
    html = shown(f'<div id="fig">{tab.format("one")}{tab.format("two")}</div>', "fig")
    assert '<figure data-framework="one"><img src="a/one.svg"></figure>' in html
    assert '<figure data-framework="two"><img src="a/two.svg"></figure>' in html


def test_an_exercise_is_shown_without_its_hint_and_its_code():
    body = """<div class="exercise admonition" id="ex"><p>Exercise 1</p><div><p>Why?</p>
    <details><p>Secret</p></details><div class="cell docutils"><pre>1</pre></div></div></div>"""
    html = shown(body, "ex")
    assert "Exercise 1" in html and "Why?" in html
    assert "Secret" not in html and "<pre>" not in html


def test_a_footnote_is_shown_without_its_number_and_its_way_back():
    body = """<aside class="footnote brackets" id="note"><span class="label">[1]
    <a href="#back">1</a></span><p>A note.</p></aside>"""
    assert shown(body, "note") == '<div class="footnote"><p>A note.</p></div>'


def test_a_work_is_shown_without_the_places_that_cite_it():
    body = """<div class="citation" id="id1"><p>A work. <a href="https://doi.org/1">doi</a>.
    <span class="cited-in">Cited in 1.3.</span></p></div>"""
    assert "Cited in" not in shown(body, "id1")
    assert "doi" in shown(body, "id1") and "<a" not in shown(body, "id1")
