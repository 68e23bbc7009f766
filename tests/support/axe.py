"""Ask axe which rules of accessibility a page in the browser violates."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
# The parts of a formula have the color of the formula, and tests of their own.
RUN = """([only, within]) => axe.run(
    {exclude: [["math > *"]], ...(within && {include: within})},
    {preload: false, resultTypes: ["violations"], ...(only && {runOnly: only})}
).then(({violations}) => violations.flatMap(({id, nodes}) =>
    nodes.map(({html}) => `${id}: ${html.slice(0, 200)}`)))"""
# Of the visible tokens of code that have one kind, in boxes of one kind, one
# stays colored: axe takes half of its time for thousands of equal ones.
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
# Axe looks at everything that is drawn behind a word, also at what it is not
# asked to judge. So a formula becomes an empty box of its size, with its TeX.
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
# Axe sorts what is drawn into a grid. A finer one (in pixels) is faster.
FINE_GRID = "axe.constants.gridSize = 50"
# The rules whose result depends on the color scheme: colors and pictures.
OF_SCHEME = [
    "color-contrast", "link-in-text-block",
    "image-alt", "image-redundant-alt", "role-img-alt", "svg-img-alt",
]  # fmt: skip


def violations(
    page, rules: list[str] | None = None, within: str | None = None
) -> list[str]:
    """Return what violates axe's default rules, or some of them.

    `within` selects a part of the page. The page is changed for this: look at
    everything else before.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.evaluate(FINE_GRID)
    page.evaluate(ONE_OF_A_KIND)
    page.evaluate(EMPTY_FORMULAS)
    return page.evaluate(RUN, [rules, within and [[within]]])
