"""What Chromium makes of a page of the gateway, and what the page looks like."""

from pathlib import Path

from PIL import Image

from tests.parts import chromium
from tests.parts.chromium import Chromium
from tests.parts.html_pages import Page


def dom(browser: Chromium, url: str) -> tuple[Page, list[str]]:
    """Return the page as Chromium understood it, and what its console said: refused loads, scripts."""
    page = _loaded(browser, url)
    html = page.run("document.documentElement.outerHTML")
    return Page.of(html.encode("utf-8", "surrogatepass")), page.complaints


def screenshot(
    browser: Chromium, url: str, path: Path, width: int, height: int, *, dark: bool = False
) -> list[bytes]:
    """Save a picture of the page, and return its rows: three bytes (red, green, blue) a pixel."""
    scheme = "dark" if dark else "light"
    _loaded(browser, url, width=width, height=height, prefers_color_scheme=scheme).picture(path)
    with Image.open(path) as image:
        width, pixels = 3 * image.width, image.convert("RGB").tobytes()
    return [pixels[start : start + width] for start in range(0, len(pixels), width)]


def _loaded(browser: Chromium, url: str, **how: object) -> chromium.Page:
    page = browser.page(url, **how)  # type: ignore[arg-type]
    page.wait("location.protocol === 'http:' && document.readyState === 'complete'")
    return page
