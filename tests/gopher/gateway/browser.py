"""A headless Chromium: what it makes of a page, and what the page looks like."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from logsrv.kit.testing.patience import PATIENCE
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
            timeout=2 * PATIENCE,
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
    with Image.open(path) as image:
        width, pixels = 3 * image.width, image.convert("RGB").tobytes()
    return [pixels[start : start + width] for start in range(0, len(pixels), width)]
