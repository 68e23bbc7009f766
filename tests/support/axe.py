"""Find out with axe which accessibility rules a page violates."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
# The parts of a formula have its color, and separate tests.
RUN = """([only, within]) => axe.run(
    {exclude: [["math > *"]], ...(within && {include: within})},
    {preload: false, resultTypes: ["violations"], ...(only && {runOnly: only})}
).then(({violations}) => violations.flatMap(({id, nodes}) =>
    nodes.map(({html}) => `${id}: ${html.slice(0, 200)}`)))"""
# Keep only one of the visible code tokens of the same kind in the same kind of box,
# because axe spends half of its time on thousands of equal ones.
ONE_OF_A_KIND = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll("pre span")) {
        if (!word.checkVisibility()) continue;
        let kind = "";
        for (let e = word; e; e = e.parentElement) {
            kind += `${e.localName}.${e.className} `;
        }
        if (seen.has(kind)) word.replaceWith(...word.childNodes);
        seen.add(kind);
    }
}"""
# Axe examines everything that is drawn behind a word, including elements that are
# excluded. So replace each formula with an empty box of its size that has its TeX.
EMPTY_FORMULAS = """() => {
    const formulas = [...document.querySelectorAll("math")].filter(
        (formula) => formula.checkVisibility());
    const boxes = formulas.map((formula) => formula.getBoundingClientRect());
    formulas.forEach((formula, number) => {
        const {width, height} = boxes[number];
        formula.style.cssText += `width: ${width}px; height: ${height}px`;
        const drawn = formula.querySelectorAll("semantics > :not(annotation)");
        drawn.forEach((part) => part.remove());
    });
}"""
# Axe sorts what is drawn into a grid, given in pixels. A finer grid is faster.
FINE_GRID = "axe.constants.gridSize = 50"
# The rules that depend on the color scheme, which are about colors and pictures.
OF_SCHEME = [
    "color-contrast", "link-in-text-block",
    "image-alt", "image-redundant-alt", "role-img-alt", "svg-img-alt",
]  # fmt: skip


def violations(
    page, rules: list[str] | None = None, within: str | None = None
) -> list[str]:
    """Return the violations of axe's default rules, or of some of them.

    `within` selects a part of the page. This changes the page, so make all other
    checks before.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.evaluate(FINE_GRID)
    page.evaluate(ONE_OF_A_KIND)
    page.evaluate(EMPTY_FORMULAS)
    return page.evaluate(RUN, [rules, within and [[within]]])
