"""A headless Chromium: what it makes of a page, and what the page looks like."""

from __future__ import annotations

import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from tests.gopher.gateway.web import Page
from tests.programs import program

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=3000"),
)


def _run(url: str, *options: str) -> tuple[bytes, str]:
    """Standard output, and what the page's console said."""
    chromium = program("chromium", "chromium")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [chromium, *_QUIET, f"--user-data-dir={profile}", *options, url],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=True,
        )
    log = done.stderr.decode("utf-8", "replace").splitlines()
    return done.stdout, "\n".join(line for line in log if "CONSOLE" in line)


def dom(url: str) -> tuple[Page, str]:
    """The page as Chromium understood it, and what its console said: refused loads, scripts."""
    body, console = _run(url, "--dump-dom")
    return Page.of(body), console


def screenshot(url: str, path: Path, width: int, height: int, *, dark: bool = False) -> list[bytes]:
    """Save a picture of the page, and give its rows: three bytes (red, green, blue) a pixel."""
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    _run(url, f"--window-size={width},{height}", f"--screenshot={path}", *scheme)
    return _rows(path.read_bytes())


def _rows(png: bytes) -> list[bytes]:
    """The rows of a PNG of 8 bits a channel without an alpha channel (PNG, sections 5, 7 and 9)."""
    width, _, depth, colour = struct.unpack_from(">IIBB", png, 16)
    assert (depth, colour) == (8, 2)
    position, packed = 8, b""
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        if png[position + 4 : position + 8] == b"IDAT":
            packed += png[position + 8 : position + 8 + length]
        position += length + 12
    data, size = zlib.decompress(packed), 3 * width
    rows = [bytes(size)]
    for start in range(0, len(data), size + 1):
        rows.append(_unfiltered(data[start], data[start + 1 : start + 1 + size], rows[-1]))
    return rows[1:]


def _unfiltered(filtering: int, line: bytes, above: bytes) -> bytes:
    if filtering == 0:
        return line
    row = bytearray(line)
    for index in range(len(row)):
        left = row[index - 3] if index >= 3 else 0
        corner = above[index - 3] if index >= 3 else 0
        up = above[index]
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda near: abs(guess - near))
        row[index] = row[index] + (left, up, (left + up) // 2, paeth)[filtering - 1] & 0xFF
    return bytes(row)
