"""Pictures become lines, and nothing unpacks to gigabytes."""

from io import BytesIO

import pytest
from PIL import Image
from rich.style import Style

from logsrv.errors import PeerError
from logsrv.gopher.browse import pictures
from logsrv.gopher.browse.pictures import lines_of_picture, picture_lines


def encoded(size: tuple[int, int], colour: str = "red", kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "BMP", "WEBP"])
def test_each_format_is_shown(kind):
    lines, what = picture_lines(encoded((200, 100), kind=kind), 40, 20)
    assert what == f"{kind}, 200 × 100"
    assert len(lines) == 10 and {line.text for line in lines} == {"▀" * 40}
    style = lines[0].spans[0].style
    assert isinstance(style, Style)
    for colour in (style.color, style.bgcolor):
        assert colour is not None and colour.triplet is not None
        assert colour.triplet.red > 240 and colour.triplet.green < 20


def test_a_tall_picture_fits_the_height_and_a_small_one_keeps_its_size():
    assert len(picture_lines(encoded((100, 1000)), 80, 20)[0]) == 20
    lines, _ = picture_lines(encoded((3, 3)), 80, 20)
    assert [line.text for line in lines] == ["▀▀▀"] * 2
    assert lines[1].spans[0].style.bgcolor is None  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a", encoded((50, 50))[:60]])
def test_what_is_no_picture_is_a_sentence(content):
    with pytest.raises(PeerError, match="press s to save the file"):
        picture_lines(content, 80, 20)


def test_a_picture_that_would_unpack_to_gigabytes_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 1000)
    with pytest.raises(PeerError, match="100 × 100 pixels"):
        picture_lines(encoded((100, 100)), 80, 20)


def test_below_a_picture_is_its_description_or_the_reason_why_there_is_none():
    lines = lines_of_picture(encoded((400, 400)), 40, 80)
    assert [len(lines[0].text), len(lines)] == [40, 22]
    assert lines[-1].text == "PNG, 400 × 400.  s  saves it."
    assert [line.style for line in lines_of_picture(b"none", 40, 80)] == ["problem"]
