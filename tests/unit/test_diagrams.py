"""A map shows its boxes and arrows, alike on every machine."""

import re
from xml.etree import ElementTree

import pytest

from d2l_extras import diagrams, show_map

SPACE = "{http://www.w3.org/2000/svg}"
ROWS = [["Start\nhere & now", ""], ["On the left\nbelow", "Right\nbelow"]]
START, LEFT, RIGHT = "Start", "On the left", "Right"


@pytest.fixture
def drawn(monkeypatch):
    """The outputs that were displayed, as MIME bundles."""
    bundles = []
    monkeypatch.setattr(diagrams, "display", bundles.append)
    return bundles


def parse(bundle) -> ElementTree.Element:
    return ElementTree.fromstring(bundle["image/svg+xml"])


def numbers(element, *names) -> list[float]:
    return [float(element.get(name)) for name in names]


def test_each_text_is_inside_its_own_box(drawn):
    show_map(ROWS, [])
    root = parse(drawn[0])
    boxes = [numbers(rect, "x", "y", "width", "height")
             for rect in root.iter(f"{SPACE}rect") if rect.get("rx")]
    texts = [text for text in root.iter(f"{SPACE}text")]
    assert [text.text for text in texts] == [
        START, "here & now", LEFT, "below", RIGHT, "below"]
    assert len(boxes) == 3
    for number, text in enumerate(texts):
        left, top, width, height = boxes[number // 2]
        x, y = numbers(text, "x", "y")
        assert x == left + width / 2
        assert top < y < top + height


def test_an_arrow_goes_from_the_edge_of_a_box_to_the_edge_of_the_next(drawn):
    show_map(ROWS, [(START, LEFT), (LEFT, RIGHT)])
    root = parse(drawn[0])
    boxes = [numbers(rect, "x", "y", "width", "height")
             for rect in root.iter(f"{SPACE}rect") if rect.get("rx")]
    down, right = (numbers(line, "x1", "y1", "x2", "y2")
                   for line in root.iter(f"{SPACE}line"))
    (x1, y1, width, height), (_, y2, *_), (x3, y3, *_) = boxes
    middle = x1 + width / 2
    assert down == [middle, y1 + height, middle, y2]
    assert right == [x1 + width, y3 + height / 2, x3, y3 + height / 2]


def test_the_background_of_a_map_is_opaque_white(drawn):
    show_map(ROWS, [(START, LEFT)])
    root = parse(drawn[0])
    width, height = map(float, root.get("viewBox").split()[2:])
    ground = next(root.iter(f"{SPACE}rect"))
    assert ground.get("fill") == "#ffffff"
    assert numbers(ground, "width", "height") == [width, height]
    for rect in root.iter(f"{SPACE}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert 0 <= x <= x + float(rect.get("width")) <= width
        assert 0 <= y <= y + float(rect.get("height")) <= height


def test_on_a_phone_no_letter_is_smaller_than_ten_pixels(drawn):
    """A map of two columns fills the 320 pixels that a narrow phone has."""
    show_map(ROWS, [])
    svg = drawn[0]["image/svg+xml"]
    width = float(parse(drawn[0]).get("width"))
    sizes = map(float, re.findall(r'font-size="([\d.]+)"', svg))
    assert min(sizes) * 320 / width >= 10


def test_a_notebook_without_pictures_lists_the_arrows(drawn):
    show_map(ROWS, [(START, LEFT), (LEFT, RIGHT)])
    assert drawn[0]["text/plain"] == "Start -> On the left\nOn the left -> Right"


@pytest.mark.parametrize(
    ("rows", "arrows", "message"),
    [
        ([["Start"]], [], "'Start' has 1 lines; it needs two"),
        ([["A\na", "A\nb"]], [], "two boxes have the title 'A'"),
        (ROWS, [(START, "End")], "the box 'End'; the titles of the boxes are Start, On"),
        (ROWS, [(START, RIGHT)], "from 'Start' to 'Right' points neither right nor"),
        (ROWS, [(LEFT, START)], "from 'On the left' to 'Start' points neither right"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_refused(rows, arrows, message, drawn):
    with pytest.raises(ValueError, match=message):
        show_map(rows, arrows)
    assert not drawn
