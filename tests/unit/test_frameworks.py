"""kernels/frameworks.toml declares the frameworks, and errors say what is wrong."""

import pytest

from bookbuild import frameworks

GOOD = {
    "label": '"JAX"',
    "kernel": '"jax"',
    "lock": '"kernels/jax.txt"',
    "platforms": '["linux-x86_64"]',
    "colab": '"GPU"',
}


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a declaration with modified entries."""

    def load(name: str = "jax", **entries: str | None) -> dict:
        (tmp_path / "kernels").mkdir()
        lines = {**GOOD, **entries}.items()
        text = [f"{key} = {value}" for key, value in lines if value]
        text = "\n".join([f"[{name}]", *text])
        (tmp_path / "kernels" / "frameworks.toml").write_text(text)
        return frameworks.load(tmp_path)

    return load


def test_a_framework_has_what_its_entry_declares(load):
    jax = load()["jax"]
    assert (jax.name, jax.label, jax.kernel) == ("jax", "JAX", "jax")
    assert (jax.lock, jax.colab) == ("kernels/jax.txt", "GPU")
    assert jax.platforms == ["linux-x86_64"]


@pytest.mark.parametrize(
    ("name", "entries", "message"),
    [
        ("Jax", {}, r"\[Jax\]: a name must consist of lower-case letters"),
        ("2x", {}, r"\[2x\]: a name must consist of lower"),
        ("jax", {"colab": None, "lock": None}, r"\[jax\]: missing lock, colab"),
        ("jax", {"version": "1"}, r"\[jax\]: unknown version"),
        ("jax", {"colab": '"NPU"'}, "colab must be CPU, GPU, or TPU, not 'NPU'"),
        ("jax", {"kernel": '"book"'}, "is the name of another environment"),
        ("jax", {"needs": '"jax"'}, "needs must be a list of strings, not 'jax'"),
        ("jax", {"threads": "[1]"}, r"threads must be a list of strings, not \[1\]"),
        ("jax", {"default": "0"}, "default must be true or false, not 0"),
        ("jax", {"modules": "{a = 1}"}, "modules must be a table of strings"),
    ],
)
def test_the_error_names_a_faulty_entry_and_what_is_wrong(
    load, name, entries, message
):
    with pytest.raises(ValueError, match=message):
        load(name, **entries)


def declare(root, *initial: str):
    """Declare two frameworks, and mark some of them as initial."""
    (root / "kernels").mkdir()
    lines = "\n".join(f"{key} = {value}" for key, value in GOOD.items())
    entries = [
        f"[{name}]\n{lines}\ninitial = {str(name in initial).lower()}\n"
        for name in ("mxnet", "jax")
    ]
    (root / "kernels" / "frameworks.toml").write_text("\n".join(entries))


@pytest.mark.parametrize(("marked", "name"), [([], "mxnet"), (["jax"], "jax")])
def test_readers_first_see_the_initial_framework_or_the_first(tmp_path, marked, name):
    declare(tmp_path, *marked)
    found = list(frameworks.load(tmp_path).values())
    assert frameworks.initial(found).name == name


def test_two_initial_frameworks_are_refused(tmp_path):
    declare(tmp_path, "mxnet", "jax")
    with pytest.raises(ValueError, match="mxnet and jax are all `initial`; keep"):
        frameworks.load(tmp_path)


def test_a_declaration_without_frameworks_is_refused(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "frameworks.toml").touch()
    with pytest.raises(ValueError, match="declares no framework"):
        frameworks.load(tmp_path)


@pytest.mark.parametrize(
    ("system", "machine", "tag"),
    [
        ("Linux", "x86_64", "linux-x86_64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Windows", "AMD64", "windows-amd64"),
    ],
)
def test_a_framework_is_available_on_its_platforms_alone(
    load, monkeypatch, system, machine, tag
):
    monkeypatch.setattr(frameworks.platform, "system", lambda: system)
    monkeypatch.setattr(frameworks.platform, "machine", lambda: machine)
    assert frameworks.platform_tag() == tag
    assert load()["jax"].available == (tag == "linux-x86_64")


def test_the_pins_are_those_of_the_lock_for_the_oldest_python(load, tmp_path):
    jax = load()["jax"]
    (tmp_path / "kernels" / "jax.txt").write_text(
        "jax==0.10.2 \\\n    --hash=sha256:0\nnumpy==2.4 ; python < '3.12' \\\n"
        "numpy==2.5 ; python >= '3.12' \\\ntorch==2.13.0+cpu \\\n"
    )
    assert jax.pins(tmp_path) == {
        "jax": "jax==0.10.2", "numpy": "numpy==2.4", "torch": "torch==2.13.0+cpu"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "is_used"),
    [
        ("frameworks: jax", True),
        ("frameworks: [mxnet, jax]", True),
        ("frameworks:\n- mxnet\n- jax\nother: 1", True),
        ("frameworks: [mxnet]", False),
        ("jax: 1", False),
    ],
)
def test_a_framework_that_is_not_default_is_used_if_a_header_names_it(
    load, tmp_path, header, is_used
):
    load(default="false")
    page = tmp_path / "chapters" / "deep" / "page.md"
    page.parent.mkdir(parents=True)
    page.write_text(f"---\ntitle: x\n{header}\n---\n\nframeworks: jax\n")
    assert ("jax" in frameworks.used(tmp_path)) == is_used


def test_a_syntax_error_is_reported_with_the_file_and_the_line(load):
    with pytest.raises(ValueError, match=r"frameworks\.toml is not valid .*line 2"):
        load(label="MXNet without quotes")


def test_an_entry_that_is_not_a_table_is_reported(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "frameworks.toml").write_text('label = "JAX"')
    with pytest.raises(ValueError, match=r"\[label\]: write a table of"):
        frameworks.load(tmp_path)


def test_a_page_that_is_not_utf_8_does_not_stop_the_setup(load, tmp_path):
    load(default="false")
    (tmp_path / "page.md").write_bytes(b"---\nframeworks: jax\n---\n\xff")
    assert "jax" in frameworks.used(tmp_path)


def test_a_framework_may_be_used_only_by_pages_that_name_it(load):
    assert load(default="false")["jax"].default is False
