"""What was made from a page's HTML is kept and reused."""

from types import SimpleNamespace

from _ext import kept


def test_only_changed_files_are_processed_again(tmp_path):
    app = SimpleNamespace(outdir=tmp_path, doctreedir=tmp_path)
    files = [tmp_path / name for name in ("a.html", "b.html")]
    for file in files:
        file.write_text("the same")
    made = []

    def length(file, text):
        made.append(file.name)
        return [file.name, len(text)]

    def lengths():
        made.clear()
        return kept.of_each(app, "lengths", files, length)

    assert lengths() == [["a.html", 8], ["b.html", 8]]
    assert made == ["a.html", "b.html"]
    files[1].write_text("other")
    assert lengths() == [["a.html", 8], ["b.html", 5]]
    assert made == ["b.html"]
    (tmp_path / "lengths.json").write_text('{"cut o')
    assert lengths() == [["a.html", 8], ["b.html", 5]]
    assert made == ["a.html", "b.html"]
