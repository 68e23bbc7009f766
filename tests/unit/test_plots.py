"""Figures are reproducible and opaque, and invalid arguments are refused."""

import re
import subprocess
import sys
from itertools import combinations
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from d2l_extras import (
    LivePlot,
    plot_curves,
    plot_points,
    plots,
    show_confusion_matrix,
    show_images,
    show_layer,
)

DRAWINGS = {
    "live": lambda: LivePlot(1, "epoch", {"loss": ["train"]}).add(0.5),
    "curves": lambda: plot_curves(
        [1, 2], {"loss (nats)": {"train": [1.0, 0.5], "test": [1.0, 0.7]}},
        "epoch", levels={"floor": 0.2}),
    "images": lambda: show_images(np.eye(4).reshape(1, 4, 4), ["eye"]),
    "weights": lambda: show_images(-np.eye(4).reshape(1, 4, 4), ["eye"],
                                   signed=True),
    "points": lambda: plot_points(
        {"length (mm)": {"a": ([1, 2], [3, 4]), "b": ([1], [2])},
         "depth (mm)": {"a": ([1, 2], [3, 4])}}, "mass (g)"),
    "layer": lambda: show_layer(["$x_1$", "1"], ["$o$"], [["$w_1$"], ["b"]]),
    "confusion": lambda: show_confusion_matrix([[9, 1], [0, 5]], ["a", "b"]),
}


class Shown(NamedTuple):
    """Hold a figure that was displayed."""

    figure: Figure
    svg: str
    options: dict


@pytest.fixture
def shown(monkeypatch):
    """Return the list that displayed figures are appended to."""
    shown, saved, savefig = [], [], Figure.savefig

    def save(figure, *arguments, **options):
        saved.append(figure)
        savefig(figure, *arguments, **options)

    def display(bundle, **options):
        svg = bundle["image/svg+xml"]
        shown.append(Shown(saved[-1], svg, options))

    monkeypatch.setattr(Figure, "savefig", save)
    monkeypatch.setattr(plots, "display", display)
    return shown


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_same_numbers_give_the_same_bytes(name, shown, monkeypatch):
    DRAWINGS[name]()
    monkeypatch.setitem(plots.mpl.rcParams, "figure.facecolor", "red")
    monkeypatch.setitem(plots.mpl.rcParams, "svg.hashsalt", None)
    DRAWINGS[name]()
    first, second = (each.svg for each in shown)
    assert first == second
    assert "<dc:date>" not in first


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_is_opaque_white_from_edge_to_edge(name, shown):
    DRAWINGS[name]()
    root = ElementTree.fromstring(shown[0].svg)
    width, height = root.get("viewBox").split()[2:]
    space = "{http://www.w3.org/2000/svg}"
    background = root.find(f".//{space}path")
    assert "fill: #ffffff" in background.get("style")
    corners = re.findall(r"[\d.]+", background.get("d"))
    assert {float(width), float(height)} <= set(map(float, corners))


def test_curves_differ_in_line_and_marker_not_only_in_color():
    for key in ("linestyle", "marker"):
        assert len({line[key] for line in plots.LINES}) == len(plots.LINES)


def test_percentages_are_fractions_of_the_true_class(shown):
    show_confusion_matrix([[9, 1], [0, 5]], ["a", "b"])
    axes = shown[0].figure.axes[0]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    # By predicted class, across, and true class, downward.
    assert texts == {(0, 0): "90", (1, 0): "10", (1, 1): "100"}
    for axis in (axes.xaxis, axes.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["a", "b"]
    assert axes.images[0].get_array().tolist() == [[90, 10], [0, 100]]


def test_a_level_is_drawn_at_its_height_with_its_name(shown):
    plot_curves([1, 2], {"loss": {"train": [1, 2]}}, "epoch",
                levels={"floor": 1.25})
    axes = shown[0].figure.axes[0]
    assert list(axes.lines[-1].get_ydata()) == [1.25, 1.25]
    assert "floor" in [text.get_text() for text in axes.texts]


def test_points_are_drawn_at_their_coordinates_with_a_marker_per_group(shown):
    plot_points({"length (mm)": {"a": ([1, 2], [3, 4]), "b": ([5], [6])}},
                "mass (g)")
    axes = shown[0].figure.axes[0]
    a, b = axes.collections
    assert a.get_offsets().tolist() == [[1, 3], [2, 4]]
    assert b.get_offsets().tolist() == [[5, 6]]
    shapes = [each.get_paths()[0].vertices.tolist() for each in (a, b)]
    assert shapes[0] != shapes[1]
    assert (axes.get_xlabel(), above(axes)) == ("length (mm)", "mass (g)")


def test_a_layer_connects_each_input_with_each_output(shown):
    show_layer(["x1", "x2", "x3"], ["o1", "o2"],
               [["a", "b"], ["c", "d"], ["e", "f"]])
    texts = [text for text in shown[0].figure.axes[0].texts if text.get_text()]
    arrows = [text for text in shown[0].figure.axes[0].texts
              if not text.get_text()]
    assert len(arrows) == 6
    where = {text.get_text(): text.get_position() for text in texts}
    assert where["x1"][1] < where["a"][1] < where["o1"][1]
    assert where["x1"][0] < where["x2"][0] < where["x3"][0]
    # "e" lies between the input and the output that it connects
    low, high = sorted((where["x3"][0], where["o1"][0]))
    assert low < where["e"][0] < high


def above(axes) -> str:
    """Return the label of the vertical axis."""
    return axes.get_title(loc="left")


def height(shown) -> float:
    return shown.figure.get_size_inches()[1]


def test_each_panel_adds_the_same_height(shown):
    """Check that a panel of curves adds 2.2 inches, and a title 0.3."""
    for number in (1, 2):
        panels = {str(panel): {"a": [1, 2]} for panel in range(number)}
        plot_curves([1, 2], panels, "epoch", title=(number - 1) * "Alike")
        points = {str(panel): {"a": ([1], [2])} for panel in range(number)}
        plot_points(points, "mass (g)")
    heights = [height(each) for each in shown]
    assert heights == pytest.approx([3.0, 3.6, 5.5, 3.6])
    assert {each.figure.get_size_inches()[0] for each in shown} == {6.4}
    assert shown[2].figure.get_suptitle() == "Alike"


def test_panels_share_one_axis_and_scale_the_other_separately(shown):
    plot_curves([1, 2], {"a": {"x": [1, 2]}, "b": {"x": [3, 4]}}, "epoch")
    plot_points({"a": {"x": ([1], [2])}, "b": {"x": ([3], [4])}}, "mass (g)")
    (first, second), (left, right) = (each.figure.axes for each in shown)
    assert [above(first), above(second)] == ["a", "b"]
    assert [first.get_xlabel(), second.get_xlabel()] == ["", "epoch"]
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() != second.get_ylim()
    assert left.get_ylim() == right.get_ylim()
    assert left.get_xlim() != right.get_xlim()


def test_four_curves_or_groups_can_be_told_apart(shown):
    plot_curves([1], {"y": {str(n): [n] for n in range(4)}}, "epoch")
    plot_points({"x": {str(n): ([n], [n]) for n in range(4)}}, "y")
    curves = shown[0].figure.axes[0].lines
    styles = {(line.get_linestyle(), line.get_marker()) for line in curves}
    assert len(styles) == 4
    for each in shown:
        axes = each.figure.axes[0]
        names = {text.get_text(): text.get_color() for text in axes.texts}
        assert names == {str(n): plots.LINES[n]["color"] for n in range(4)}
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_names_that_do_not_fit_at_the_ends_of_curves_are_in_a_legend(shown):
    plot_curves([1, 2], {"y": {"a": [1, 2], "b": [1, np.nan]}}, "x")
    plot_curves([1, 2], {"y": {"a": [1, 2], "b" * 40: [1, 2]}}, "x")
    plot_curves([1, 2], {"y": {"a": [1, 2], "b": [1, 0]}}, "x", yscale="log")
    plot_curves([1, 2], {"y": {"a": 2 * [np.nan], "b": 2 * [np.inf]}}, "x")
    for each in shown:
        axes = each.figure.axes[0]
        assert len(axes.get_legend().get_texts()) == 2 and not axes.texts


def test_names_of_groups_are_written_beside_their_own_points(shown):
    x = np.linspace(0, 1, 30)
    plot_points({"x": {"a": (x, x), "b": ([*x + 2, np.nan], [*x, 1])}}, "y")
    axes = shown[0].figure.axes[0]
    a, b = (text.get_window_extent() for text in axes.texts)
    for each, text in zip(axes.collections, (a, b)):
        points = axes.transData.transform(each.get_offsets())
        assert not text.count_contains(points)
    assert a.x1 < axes.transData.transform((1.5, 0))[0] < b.x0


def test_groups_without_room_for_a_name_are_named_once(shown):
    """Check that the name is either in a legend or in the panel before."""
    x, y = (axis.ravel() for axis in np.mgrid[:40, :40])
    full, free = {"a": (x, y), "b": (x, y)}, {"a": (x[:9], y[:9]), "b": ([39], [39])}
    plot_points({"full": full}, "y")
    plot_points({"free": free, "full": full}, "y")
    [alone], [first, second] = (each.figure.axes for each in shown)
    assert alone.get_legend() and not alone.texts
    assert len(first.texts) == 2 and not second.texts
    assert not first.get_legend() and not second.get_legend()


def test_figures_use_the_font_of_the_page(shown):
    plot_curves([1], {"y": {"a": [1]}}, "epoch")
    [name] = shown[0].figure.axes[0].texts
    assert name.get_fontproperties().get_family()[0] == "Book Text"
    assert "STIXTwoText" in shown[0].svg


def test_predictions_are_marked_as_right_or_wrong(shown):
    show_images(np.zeros((2, 3, 3)), ["coat", "bag"], predictions=["coat", "shirt"],
                probabilities=[0.957, 0.5])
    right, wrong = shown[0].figure.axes[:2]
    assert right.get_title() == "coat\n\N{CHECK MARK} 96 %"
    assert wrong.get_title() == "bag\n\N{MULTIPLICATION SIGN} shirt\n50 %"
    assert right.title.get_color() != wrong.title.get_color()
    show_images(np.zeros((1, 3, 3)), ["3 × 3"])
    assert shown[1].figure.axes[0].title.get_color() == right.title.get_color()


@pytest.mark.parametrize(("number", "every"), [(1, 1), (19, 1), (20, 2), (55, 5)])
def test_a_long_curve_has_about_ten_markers(shown, number, every):
    plot_curves(range(number), {"y": {"a": range(number)}}, "epoch")
    [line] = shown[0].figure.axes[0].lines
    assert line.get_markevery() == every


def test_whole_numbers_have_ticks_at_whole_numbers(shown):
    for steps in ([1, 2, 3], [1.0, 1.5, 2.0], list(range(100))):
        plot_curves(steps, {"y": {"a": [1] * len(steps)}}, "epoch")
    few, halves, many = (each.figure.axes[0].get_xticks() for each in shown)
    assert all(tick == int(tick) for tick in few)
    assert not all(tick == int(tick) for tick in halves)
    assert len(many) <= 8  # two of them beyond the ends


def test_a_level_is_named_in_the_first_panel_at_the_end_of_its_line(shown):
    for x in ([1, 2], [3, 4]):
        plot_curves(x, {"y": {"a": [1, 2]}, "z": {"a": [1, 2]}}, "epoch",
                    levels={"floor": 1.25})
        first, second = shown[-1].figure.axes
        assert [name.xy for name in first.texts] == [(1, 2), (1, 1.25)]
        assert [name.get_position() for name in first.texts] == [(6, 0), (6, 0)]
        assert len(second.lines) == 1 and len(second.texts) == 1


def test_rows_of_images_leave_room_for_titles_of_several_lines(shown):
    images = np.linspace(0, 1, 7 * 4).reshape(7, 2, 2)
    show_images(images, list("abcdefg"))
    show_images(images, ["a\nb", *"bcdefg"])
    show_images(images, list("abcdefg"), columns=7)
    show_images(images, list("abcdefg"), columns=4)
    heights = [height(each) for each in shown]
    expected = [2 * 1.5, 2 * 1.72, 6.4 / 7 + 0.22, 2 * 1.82]
    assert heights == pytest.approx(expected)
    axes = shown[0].figure.axes
    assert len(axes) == 10 and not any(each.axison for each in axes)
    assert [each.get_title() for each in axes[:7]] == list("abcdefg")
    for drawn, image in zip(axes, images):
        assert np.array_equal(drawn.images[0].get_array(), image)
        assert drawn.images[0].get_clim() == (0, 1)


def test_signed_images_share_a_scale_around_zero_that_a_bar_gives(shown):
    images = np.append(-99, np.full(199, 3.0)).reshape(2, 10, 10)
    show_images(images, ["a", "b"], columns=2, signed=True)
    figure = shown[0].figure
    assert height(shown[0]) == pytest.approx(3.2 + 0.22 + 0.7)
    *panels, bar = figure.axes
    assert [panel.images[0].get_clim() for panel in panels] == 2 * [(-3, 3)]
    assert bar.get_xlabel() == "weight" and len(panels) == 2


def test_a_class_without_examples_is_a_row_of_blanks(shown):
    show_confusion_matrix([[0, 0], [1, 199]], ["a", "b"])
    axes = shown[0].figure.axes[0]
    # 0.5 % rounds to 0.
    assert [text.get_text() for text in axes.texts] == ["100"]
    assert shown[0].figure.get_size_inches().tolist() == [6.4, 6.4]
    assert "predicted" in axes.get_xlabel() and "true" in axes.get_ylabel()


def test_groups_whose_x_and_y_differ_in_length_are_refused():
    with pytest.raises(ValueError, match="'a', x has length 2, but y has"):
        plot_points({"x": {"a": ([1, 2], [1])}}, "y")


def test_more_groups_than_can_be_told_apart_are_refused():
    groups = {str(number): ([1], [2]) for number in range(5)}
    with pytest.raises(ValueError, match="one panel has 5 groups"):
        plot_points({"x": groups}, "y")


def test_weights_whose_shape_does_not_match_the_layer_are_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 2\); .* shape \(2, 1\)"):
        show_layer(["x1", "x2"], ["o"], [["a", "b"]])


def test_a_logarithmic_axis_spaces_powers_of_ten_evenly(shown):
    plot_curves([1, 2], {"loss": {"train": [1, 1e-4]}}, "epoch", yscale="log")
    axes = shown[0].figure.axes[0]
    heights = axes.transData.transform([(1, 1), (1, 1e-2), (1, 1e-4)])[:, 1]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])


def test_a_curve_whose_length_differs_from_x_is_refused():
    with pytest.raises(ValueError, match="'train' has 3 values, but x has 2"):
        plot_curves([1, 2], {"loss": {"train": [1, 2, 3]}}, "epoch")


def test_more_curves_than_can_be_told_apart_are_refused():
    curves = {str(number): [1, 2] for number in range(5)}
    with pytest.raises(ValueError, match="one panel has 5 curves"):
        plot_curves([1, 2], {"loss": curves}, "epoch")


def test_images_without_one_title_each_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3, 3\), .* 1 titles"):
        show_images(np.zeros((2, 3, 3)), ["one"])


def test_a_confusion_matrix_that_does_not_match_the_names_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\); with 3 names"):
        show_confusion_matrix(np.eye(2), ["a", "b", "c"])


def test_a_script_without_a_notebook_only_names_the_figure():
    script = (
        "from d2l_extras import plot_curves\n"
        "plot_curves([1, 2], {'loss': {'train': [1, 2]}}, 'epoch')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True,
    )
    assert done.stdout == "<Figure with 1 axes>\n"


PANELS = {"loss (nats)": ["train"], "accuracy": ["train", "test"]}


def grow(plot):
    for epoch in range(1, 4):
        plot.add(1 / epoch, epoch / 4, epoch / 5)


def test_a_live_plot_is_one_figure_that_grows_in_place(shown, monkeypatch):
    monkeypatch.setattr(plots, "shell", lambda: object())
    monkeypatch.setattr(plots, "is_batch", lambda: False)
    grow(LivePlot(3, "epoch", PANELS))
    lines = [each.figure.axes[0].lines[0].get_ydata() for each in shown]
    assert [np.isfinite(line).tolist() for line in lines] == [
        [True, False, False], [True, True, False], [True, True, True]]
    assert len({each.options["display_id"] for each in shown}) == 1
    assert [each.options["update"] for each in shown] == [False, True, True]
    limits = {each.figure.axes[0].get_xlim() for each in shown}
    assert limits == {(0.96, 3.04)}


@pytest.mark.parametrize("shell", [None, object()])
def test_a_live_plot_in_a_program_is_drawn_once(shown, monkeypatch, shell):
    monkeypatch.setattr(plots, "shell", lambda: shell)
    monkeypatch.setattr(plots, "is_batch", lambda: shell is not None)
    grow(LivePlot(3, "epoch", PANELS))
    assert [each.options for each in shown] == [{}]


def test_a_finished_live_plot_is_the_plot_of_its_curves(shown):
    grow(LivePlot(3, "epoch", PANELS))
    plot_curves([1, 2, 3], {
        "loss (nats)": {"train": [1, 1 / 2, 1 / 3]},
        "accuracy": {"train": [1 / 4, 2 / 4, 3 / 4],
                     "test": [1 / 5, 2 / 5, 3 / 5]}}, "epoch")
    live, still = (
        [(axes.get_xlim(), axes.get_xlabel(), above(axes),
          line.get_label(), line.get_xydata().tolist())
         for axes in each.figure.axes for line in axes.lines]
        for each in shown
    )
    assert live == still


def test_a_live_plot_takes_one_value_per_curve_and_no_extra_step():
    plot = LivePlot(1, "epoch", PANELS)
    with pytest.raises(ValueError, match="2 values for the curves train, tr"):
        plot.add(1, 2)
    plot.add(1, 2, 3)
    with pytest.raises(ValueError, match="total is 1, .* one more step"):
        plot.add(1, 2, 3)
    with pytest.raises(ValueError, match="total is 0; .* at least 1 step"):
        LivePlot(0, "epoch", PANELS)


def test_a_short_logarithmic_axis_is_labeled_with_plain_numbers(shown):
    plot_curves([1, 2, 3], {"loss": {"a": [0.5, 1.0, 2.2]}}, "x", yscale="log")
    axes = shown[0].figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert {"0.5", "1", "2"} <= set(labels)
    assert not any("10" in label or "mathdefault" in label for label in labels)
