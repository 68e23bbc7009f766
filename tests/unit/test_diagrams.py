"""A map shows its boxes and arrows, alike on every machine."""

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch

from d2l_extras import plots, show_map
from d2l_extras.plots import show

ROWS = [["1 Start\nhere & now", ""], ["2 Left\nbelow", "3 Right\nbelow"]]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were displayed, each with its MIME bundle."""
    figures, bundles = [], []
    monkeypatch.setattr(plots, "display", bundles.append)

    def keep(figure, text):
        show(figure, text)
        figures.append((figure.axes[0], bundles[-1]))

    monkeypatch.setattr(plots, "show", keep)
    return figures


def boxes(axes) -> list:
    """Return left, top, right, and bottom of each box."""
    found = [each for each in axes.patches if isinstance(each, FancyBboxPatch)]
    corners = [(each.get_x(), each.get_y()) for each in found]
    sizes = [(each.get_width(), each.get_height()) for each in found]
    return [(*corner, *np.add(corner, size)) for corner, size in zip(corners, sizes)]


def test_each_text_is_inside_its_own_box(drawn):
    show_map(ROWS, [])
    [(axes, _)] = drawn
    assert [text.get_text() for text in axes.texts] == [
        "1 Start", "here & now", "2 Left", "below", "3 Right", "below"]
    assert len(boxes(axes)) == 3
    for number, text in enumerate(axes.texts):
        left, top, right, bottom = boxes(axes)[number // 2]
        edges = text.get_window_extent().transformed(axes.transData.inverted())
        assert left < edges.xmin < edges.xmax < right
        assert top < edges.ymin < edges.ymax < bottom


def test_an_arrow_goes_from_the_edge_of_a_box_to_the_edge_of_the_next(drawn):
    show_map(ROWS, [("1", "2"), ("2", "3")])
    [(axes, _)] = drawn
    down, right = (text for text in axes.texts if not text.get_text())
    (x1, _, x2, y2), (_, y3, *_), (x4, y4, _, y5) = boxes(axes)
    middle = (x1 + x2) / 2
    assert (down.xyann, down.xy) == ((middle, y2), (middle, y3))
    assert (right.xyann, right.xy) == ((x2, (y4 + y5) / 2), (x4, (y4 + y5) / 2))


def test_a_map_fits_into_its_figure(drawn):
    show_map(ROWS, [("1", "2")])
    [(axes, _)] = drawn
    for left, top, right, bottom in boxes(axes):
        assert axes.viewLim.x0 < left < right < axes.viewLim.x1
        assert axes.viewLim.y1 < top < bottom < axes.viewLim.y0


def test_a_map_has_the_same_bytes_each_time(drawn):
    show_map(ROWS, ["12", "23"])
    show_map(ROWS, ["12", "23"])
    assert drawn[0][1] == drawn[1][1]


def test_on_a_phone_no_letter_is_smaller_than_ten_pixels(drawn):
    """A map of two columns fills the 320 pixels that a narrow phone has."""
    show_map(ROWS, [])
    [(axes, _)] = drawn
    sizes = [text.get_fontsize() for text in axes.texts]
    assert min(sizes) * 320 / (72 * plots.WIDTH) >= 10


def test_a_notebook_without_pictures_lists_the_arrows(drawn):
    show_map(ROWS, ["12", "23"])
    assert drawn[0][1]["text/plain"] == "1 -> 2\n2 -> 3"


@pytest.mark.parametrize(
    ("rows", "arrows", "message"),
    [
        ([["1 Start"]], [], "'1 Start' has 1 lines; it needs two"),
        ([["1 A\na", "1 B\nb"]], [], "two boxes have the key '1'"),
        (ROWS, ["14"], "has the key '4'; the keys of the boxes are 1, 2, 3"),
        (ROWS, ["13"], "from '1' to '3' points neither right nor down"),
        (ROWS, ["21"], "from '2' to '1' points neither right nor down"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_refused(rows, arrows, message, drawn):
    with pytest.raises(ValueError, match=message):
        show_map(rows, arrows)
    assert not drawn
