"""Pictures in any terminal with colours: two pixels to a cell, as upper half blocks.

A picture comes from a stranger: only a few formats are read, and its size is checked before it is unpacked,
because a few kilobytes can unpack to gigabytes.
"""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from rich.color import Color
from rich.style import Style
from rich.text import Span

from logsrv.errors import PeerError
from logsrv.gopher.browse.display_lines import DisplayLine

MOST_PIXELS = 40_000_000
_PICTURE_FORMATS = ("GIF", "PNG", "JPEG", "BMP", "WEBP")
_UPPER_HALF = "▀"


def lines_of_picture(content: bytes, columns: int, rows: int) -> list[DisplayLine]:
    """Return the picture with its description below, or the sentence why it cannot be shown."""
    try:
        painted, what = picture_lines(content, columns, rows)
    except PeerError as error:
        return [DisplayLine(f"{error}.", "problem")]
    return [*painted, DisplayLine(""), DisplayLine(f"{what}.  s  saves it.", "dim")]


def picture_lines(content: bytes, columns: int, rows: int) -> tuple[list[DisplayLine], str]:
    """Return the picture in at most `columns` × `rows` cells, and its description: `PNG, 640 × 480`.

    Raises PeerError with a sentence if the picture is broken, too large or of another format.
    """
    try:
        # Pillow would print warnings about huge pictures and odd files across the screen.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(BytesIO(content), formats=_PICTURE_FORMATS) as image,
        ):
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise PeerError(
                    f"the picture has {width} × {height} pixels, which is more than the "
                    f"{MOST_PIXELS} that can be shown; press s to save it"
                )
            what = f"{image.format}, {width} × {height}"
            pixels = _scaled_to_rgb(image, columns, rows * 2)
    except UnidentifiedImageError:
        raise PeerError(
            "this is not a picture in GIF, PNG, JPEG, BMP or WebP; press s to save the file unchanged"
        ) from None
    # Pillow's decoders raise all of these for broken files.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, Image.DecompressionBombError):
        raise PeerError("the picture is broken; press s to save the file unchanged") from None
    return _half_block_lines(pixels), what


def _scaled_to_rgb(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return the picture in RGB, on white because its background is unknown; scaled down if too large."""
    image.draft("RGB", (width, height))
    shown = image.convert("RGBA")
    shown.thumbnail((max(1, width), max(2, height)))
    ground = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(ground, shown).convert("RGB")


def _half_block_lines(pixels: Image.Image) -> list[DisplayLine]:
    width, height = pixels.size
    data = pixels.tobytes()

    def colour(x: int, y: int) -> Color | None:
        start = (y * width + x) * 3
        return Color.from_rgb(*data[start : start + 3]) if y < height else None

    lines = []
    for top in range(0, height, 2):
        styles = (Style.from_color(colour(x, top), colour(x, top + 1)) for x in range(width))
        spans = tuple(Span(x, x + 1, style) for x, style in enumerate(styles))
        lines.append(DisplayLine(_UPPER_HALF * width, spans=spans))
    return lines
