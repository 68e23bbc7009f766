"""A browser draws roots and superscripts at the right size and height."""

import pytest
from support.site_pages import PAGES

ROOTS = """() => [...document.querySelectorAll("article msqrt.tml-low")].map(
  root => {
    const size = parseFloat(getComputedStyle(root).fontSize);
    const [outside, inside] = [root, root.lastElementChild].map(
      part => part.getBoundingClientRect());
    return {after: (outside.right - inside.right) / size,
            height: outside.height / size};
  }).filter(root => root.height)"""


def test_a_root_is_as_wide_and_high_as_its_content(visit):
    found = []
    for name in PAGES:
        read = visit(name)
        read.evaluate("document.fonts.load('1em \"Book Root\"', '√')")
        found += read.evaluate(ROOTS)
    assert len(found) > 8
    # In em, the height of the smallest sign, with the room that it has above.
    sign = 1.188 + 0.078 + 0.02
    assert [r for r in found if r["after"] > 0.02 or r["height"] > sign] == []


SHIFTS = r"""() => {
  const shifts = {accented: [], plain: []};
  for (const msup of document.querySelectorAll("article msup")) {
    const [base, raised] = msup.children;
    const letter = base.querySelector("mover > :first-child") ?? base;
    if (letter.tagName !== "mi" || raised.textContent !== "⊤") continue;
    const [low, high] = [letter, raised].map(e => e.getBoundingClientRect());
    const size = parseFloat(getComputedStyle(msup).fontSize);
    if (high.height) shifts[base === letter ? "plain" : "accented"].push(
      (low.bottom - high.bottom) / size);
  }
  return shifts;
}"""


def test_an_accent_does_not_raise_the_superscript(visit):
    read = visit("chapters/linear-networks/linear-regression-scratch.html")
    read.evaluate("document.fonts.ready")
    shifts = read.evaluate(SHIFTS)
    assert len(shifts["plain"]) > 0 and len(shifts["accented"]) > 3
    assert max(shifts["accented"]) < max(shifts["plain"]) + 0.05


OFF_CENTER = """() => [...document.querySelectorAll("article div.math")]
  .filter(block => block.checkVisibility()).map(block => {
    const [column, formula] = [block, block.querySelector("semantics > *")]
      .map(part => part.getBoundingClientRect());
    return (formula.left + formula.right - column.left - column.right) / 2;
  })"""


@pytest.mark.parametrize("width", [390, 1280])
def test_formulas_with_and_without_numbers_are_in_the_middle(visit, width):
    read = visit(
        "chapters/linear-networks/linear-regression.html",
        viewport={"width": width, "height": 850},
    )
    read.evaluate("document.fonts.ready")
    shifts = read.evaluate(OFF_CENTER)
    assert len(shifts) > 5
    assert [shift for shift in shifts if abs(shift) > 1] == []
