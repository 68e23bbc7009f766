"""The role {minutes} inserts how long a page takes to read."""

from __future__ import annotations

import bs4
from support.tiny_book import HEADER, TinyBook, cell

LONG = "word " * 1000


def with_times(tiny: TinyBook) -> None:
    # 390 words, 5 formulas, and content that does not count.
    tiny.page.write_text(
        f"{HEADER}\n(sec_tiny)=\n# Tiny\n\n{'word ' * 389}\n\n{'$a + b$ ' * 5}\n\n"
        f"$$\n{'a + ' * 300} b\n$$\n\n"
        + cell(f"print('{LONG}')")
        + "\n::::{tab-set}\n:sync-group: framework\n\n"
        + ":::{tab-item} Alpha\n:sync: alpha\nTwo words\n:::\n\n"
        + f":::{{tab-item}} Beta\n:sync: beta\n{LONG}\n:::\n\n::::\n\n"
        + "```{exercise}\n:label: ex_tiny\n```\n\n"
        + f"```{{solution}} ex_tiny\n{LONG}\n```\n"
    )
    tiny.add_page("other", "(sec_other)=\n# Other\n\nTake {minutes}`sec_tiny`.\n")


def shown(tiny: TinyBook) -> str:
    html = tiny.site.with_name("other.html").read_text()
    return bs4.BeautifulSoup(html, "html.parser").find("article").get_text()


def test_code_displayed_formulas_solutions_and_other_tabs_do_not_count(tiny_built):
    assert "Take 2\xa0min." in shown(tiny_built(with_times))


def test_a_changed_page_changes_its_time_on_other_pages(tiny_copy):
    tiny = tiny_copy(with_times)
    tiny.edit("Two words", f"Two words {'more ' * 100}")
    assert tiny.build("book").returncode == 0
    assert "Take 3\xa0min." in shown(tiny)


def test_an_unknown_label_is_reported_with_its_line_and_a_fix(tiny):
    tiny.write("Words.\n\nTake {minutes}`sec_none`.")
    failed = tiny.build("book")
    assert failed.returncode == 1
    assert "page.md:16: " in failed.stderr
    assert "undefined label in {minutes}`sec_none`" in failed.stderr
    assert "Correct the label" in failed.stderr
