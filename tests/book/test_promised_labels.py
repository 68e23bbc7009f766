"""Labels that readers may link to are kept, and numbered items are referred to."""

import re

import pytest
from support import ROOT
from support.targets import targets


@pytest.mark.parametrize(
    ("label", "role"),
    [(r"\$\$ \((eq_\w+)\)", "eq"), (r"name: (fig_\w+)", "numref")],
    ids=["equations", "figures"],
)
def test_every_numbered_equation_and_figure_is_referred_to(label, role):
    pages = (ROOT / "chapters").rglob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    numbered = set(re.findall(label, text))
    used = re.findall(rf"\{{{role}\}}`(?:[^`<]*<)?(\w+)", text)
    assert numbered and numbered <= set(used), numbered - set(used)


# Readers link to these labels, so they must not change.
PROMISED = {
    "chap_linear": "linear-networks/index",
    "sec_linear_regression": "linear-networks/linear-regression",
    "subsec_linear_model": "linear-networks/linear-regression",
    "subsec_normal_distribution_and_squared_loss":
        "linear-networks/linear-regression",
    "sec_linear_scratch": "linear-networks/linear-regression-scratch",
    "sec_linear_concise": "linear-networks/linear-regression-concise",
    "sec_linear_gluon": "linear-networks/linear-regression-concise",
    "sec_softmax": "linear-networks/softmax-regression",
    "subsec_softmax_operation": "linear-networks/softmax-regression",
    "subsec_softmax_and_derivatives": "linear-networks/softmax-regression",
    "subsec_info_theory_basics": "linear-networks/softmax-regression",
    "sec_fashion_mnist": "linear-networks/image-classification-dataset",
    "sec_softmax_scratch": "linear-networks/softmax-regression-scratch",
    "sec_softmax_concise": "linear-networks/softmax-regression-concise",
    "sec_softmax_gluon": "linear-networks/softmax-regression-concise",
    "sec_how_to_run": "linear-networks/how-to-run",
    "sec_softmax_twice": "linear-networks/softmax-twice",
    "sec_linear_limits": "linear-networks/linear-limits",
    "sec_devices": "linear-networks/devices",
    "sec_softmax_concise_device": "linear-networks/devices",
    "sec_naive_bayes": "appendix/naive-bayes-underflow",
}


@pytest.mark.parametrize("label", PROMISED)
def test_a_promised_label_is_still_on_its_page(label):
    assert targets()[label].page == PROMISED[label]


@pytest.mark.parametrize("label", PROMISED)
def test_the_built_page_has_an_anchor_for_a_promised_label(label):
    site = ROOT / "_build" / "html" / "chapters"
    html = (site / f"{PROMISED[label]}.html").read_text(encoding="utf-8")
    assert f'id="{label.replace("_", "-")}"' in html
