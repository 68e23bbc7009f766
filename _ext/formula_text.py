"""Write formulas as text, for the passages that the search shows."""

from __future__ import annotations

import unicodedata

from lxml.html import HtmlElement

# The characters that Unicode has as superscripts and as subscripts.
SMALL = {
    "^": str.maketrans("0123456789+−=()inT⊤′∗", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿᵀᵀ′*"),
    "_": str.maketrans("0123456789+−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"),
}
ACCENTS = {
    "ˆ": "\N{COMBINING CIRCUMFLEX ACCENT}",
    "‾": "\N{COMBINING MACRON}",
    "~": "\N{COMBINING TILDE}",
}
LARGE = "∑∏"  # their limits are left out
PREFIXES = "∇∂"
FUNCTION_APPLICATION = "\u2061"
ALIGNED = "tml-jot"  # Temml's class for lines that are aligned at an operator
MATHEMATICAL_LETTERS = "\U0001d400"  # the first of them, such as a bold A


def formula_text(math: HtmlElement) -> str:
    """Return a formula as a line of text, such as "H(P, Q)".

    Parts that a line cannot show, such as matrices, become "…".
    """
    text = " ".join(part_text(math).split())
    for bracket in "([{":
        text = text.replace(f"{bracket} ", bracket)
    for mark in ")]},.;":
        text = text.replace(f" {mark}", mark)
    return unicodedata.normalize("NFC", text)


def part_text(part: HtmlElement) -> str:
    """Return a part of a formula as text, in which spaces may be repeated."""
    if part.tag == "annotation":
        return ""
    if part.tag == "mo":
        return operator_text(part)
    if part.tag in ("mi", "mn", "mtext"):
        text = part.text or ""
        if text >= MATHEMATICAL_LETTERS:
            text = unicodedata.normalize("NFKC", text)  # as readers type them
        return f" {text}" if len(text) > 1 and text.isalpha() else text
    if part.tag == "mspace":
        return " "
    if part.tag == "mtable" and part.get("class") != ALIGNED:
        return " … "
    parts = [part_text(child) for child in part]
    match part.tag, parts:
        case "mtr", _:
            return "".join(parts) + " "
        case "mfrac", [over, under]:
            return f"{grouped(over)}/{grouped(under)} "
        case "msqrt", _:
            return "√" + grouped("".join(parts))
        case "msub" | "msup" | "msubsup" | "munder" | "munderover", [base, *_] if (
            base.strip() in LARGE
        ):
            return base
        case "msub" | "munder", [base, below]:
            return base + small(below, "_")
        case "mover", [base, above] if above.strip() in ACCENTS:
            return base + ACCENTS[above.strip()]
        case "msup" | "mover", [base, above]:
            return base + small(above, "^")
        case "msubsup" | "munderover", [base, below, above]:
            return base + small(below, "_") + small(above, "^")
    return "".join(parts)


def operator_text(operator: HtmlElement) -> str:
    """Return an operator with the spaces around it."""
    text = operator.text or ""
    if text == FUNCTION_APPLICATION:
        return ""
    if text in LARGE or operator.get("separator") == "true":
        return f"{text} "
    if operator.get("form") in ("prefix", "postfix") or text in PREFIXES:
        return text
    return f" {text} " if unicodedata.category(text[:1] or " ") == "Sm" else text


def grouped(text: str) -> str:
    """Return a part of a formula, in parentheses if it has several parts."""
    text = text.strip()
    return f"({text})" if " " in text else text


def small(text: str, mark: str) -> str:
    """Return a subscript (mark "_") or superscript (mark "^"), raised if possible."""
    letters = text.replace(" ", "")
    if all(ord(letter) in SMALL[mark] for letter in letters):
        return letters.translate(SMALL[mark])
    return mark + (letters if len(letters) == 1 else f"({text.strip()})")
