"""A map shows its boxes and arrows, and looks the same on every machine."""

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch

from d2l_extras import plots, show_map
from d2l_extras.plots import show

ROWS = [["Start\nhere & now", ""], ["On the left\nbelow", "Right\nbelow"]]
START, LEFT, RIGHT = "Start", "On the left", "Right"


@pytest.fixture
def drawn(monkeypatch):
    """Return the list of displayed figures, each with its MIME bundle."""
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
        START, "here & now", LEFT, "below", RIGHT, "below"]
    assert len(boxes(axes)) == 3
    for number, text in enumerate(axes.texts):
        left, top, right, bottom = boxes(axes)[number // 2]
        edges = text.get_window_extent().transformed(axes.transData.inverted())
        assert left < edges.xmin < edges.xmax < right
        assert top < edges.ymin < edges.ymax < bottom


def test_an_arrow_goes_from_the_edge_of_a_box_to_the_edge_of_the_next(drawn):
    show_map(ROWS, [(START, LEFT), (LEFT, RIGHT)])
    [(axes, _)] = drawn
    down, right = (text for text in axes.texts if not text.get_text())
    (x1, _, x2, y2), (_, y3, *_), (x4, y4, _, y5) = boxes(axes)
    middle = (x1 + x2) / 2
    assert (down.xyann, down.xy) == ((middle, y2), (middle, y3))
    assert (right.xyann, right.xy) == ((x2, (y4 + y5) / 2), (x4, (y4 + y5) / 2))


def test_a_map_fits_into_its_figure(drawn):
    show_map(ROWS, [(START, LEFT)])
    [(axes, _)] = drawn
    for left, top, right, bottom in boxes(axes):
        assert axes.viewLim.x0 < left < right < axes.viewLim.x1
        assert axes.viewLim.y1 < top < bottom < axes.viewLim.y0


def test_a_map_has_the_same_bytes_each_time(drawn):
    show_map(ROWS, [(START, LEFT), (LEFT, RIGHT)])
    show_map(ROWS, [(START, LEFT), (LEFT, RIGHT)])
    assert drawn[0][1] == drawn[1][1]


def test_on_a_phone_no_letter_is_smaller_than_ten_pixels(drawn):
    """Check this for a map of two columns that fills the 320 pixels of a narrow phone."""
    show_map(ROWS, [])
    [(axes, _)] = drawn
    sizes = [text.get_fontsize() for text in axes.texts]
    assert min(sizes) * 320 / (72 * plots.WIDTH) >= 10


def test_a_notebook_without_pictures_lists_the_arrows(drawn):
    show_map(ROWS, [(START, LEFT), (LEFT, RIGHT)])
    assert drawn[0][1]["text/plain"] == "Start -> On the left\nOn the left -> Right"


@pytest.mark.parametrize(
    ("rows", "arrows", "message"),
    [
        ([["Start"]], [], "'Start' must have two lines, .* not 1"),
        ([["A\na", "A\nb"]], [], "two boxes have the title 'A'"),
        (ROWS, [(START, "End")], "refers to 'End', .* choose from Start, On the left"),
        (ROWS, [(START, RIGHT)], "from 'Start' to 'Right' points neither right nor"),
        (ROWS, [(LEFT, START)], "from 'On the left' to 'Start' points neither right"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_refused(rows, arrows, message, drawn):
    with pytest.raises(ValueError, match=message):
        show_map(rows, arrows)
    assert not drawn
