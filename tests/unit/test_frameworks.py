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
    """Return a function that loads a declaration with other entries."""

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
    assert jax.platforms == ("linux-x86_64",)


@pytest.mark.parametrize(
    ("name", "entries", "message"),
    [
        ("Jax", {}, r"\[Jax\]: a name is lower-case letters and digits"),
        ("2x", {}, r"\[2x\]: a name is lower-case"),
        ("jax", {"colab": None, "lock": None}, r"\[jax\]: missing colab, lock"),
        ("jax", {"version": "1"}, r"\[jax\]: unknown version"),
        ("jax", {"colab": '"NPU"'}, "colab = 'NPU' is none of CPU, GPU, TPU"),
    ],
)
def test_a_faulty_entry_is_named_with_what_is_wrong(
    load, name, entries, message
):
    with pytest.raises(ValueError, match=message):
        load(name, **entries)


def test_a_declaration_without_frameworks_is_refused(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "frameworks.toml").touch()
    with pytest.raises(ValueError, match="declares no framework"):
        frameworks.load(tmp_path)


@pytest.mark.parametrize(
    ("system", "machine", "tag"),
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("linux", "arm64", "linux-aarch64"),
        ("darwin", "arm64", "macos-arm64"),
        ("win32", "AMD64", "windows-x86_64"),
    ],
)
def test_a_framework_is_available_on_its_platforms_alone(
    load, monkeypatch, system, machine, tag
):
    monkeypatch.setattr(frameworks.sys, "platform", system)
    monkeypatch.setattr(frameworks.platform, "machine", lambda: machine)
    assert frameworks.platform_tag() == tag
    assert load()["jax"].available == (tag == "linux-x86_64")


def test_a_syntax_error_is_reported_with_the_file_and_the_line(load):
    with pytest.raises(ValueError, match=r"frameworks\.toml is not valid .*line 2"):
        load(label="MXNet without quotes")


def test_a_framework_may_be_left_to_the_pages_that_name_it(load):
    assert load(default="false")["jax"].default is False
