"""Archives are reproducible, and readers see the sizes of files."""

import io
import zipfile

import pytest

from bookbuild.downloads import Download, archived


def test_the_order_of_the_files_does_not_change_an_archive():
    files = [("b/c.txt", b"C"), ("a.txt", b"A")]
    one, other = archived("book", files), archived("book", reversed(files))
    assert one == other
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        assert archive.namelist() == ["book/a.txt", "book/b/c.txt"]
        assert archive.read("book/b/c.txt") == b"C"
        assert {info.date_time[0] for info in archive.infolist()} == {2016}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (10, "0.1 MB"), (1_149_999, "1.1 MB"), (9_940_000, "9.9 MB"),
        (9_960_000, "10 MB"), (12_400_000, "12 MB"),
    ],
)  # fmt: skip
def test_a_size_is_given_in_megabytes_with_at_most_one_decimal(tmp_path, size, text):
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    assert Download("pdf", path).size == text.replace(" ", "\N{NO-BREAK SPACE}")
