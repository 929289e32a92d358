"""The gateway in a real browser, over gopherspaces of real servers."""

from pathlib import Path

import pytest
from PIL import Image

from logsrv.gopher.gateway.pages import STYLE
from logsrv.kit.testing import TwistdProcess
from tests.parts import chromium
from tests.parts.chromium import Chromium
from tests.parts.gopher_servers import Scripted
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


EVIL = b"<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def address(process: TwistdProcess, path: str) -> str:
    return f"http://127.0.0.1:{process.port()}{path}"


# tests/gopher/command has both servers, without a browser.
SERVERS = ["gophernicus", pytest.param("pygopherd", marks=(pytest.mark.long, pytest.mark.nightly))]


@pytest.mark.long
@pytest.mark.parametrize("port", SERVERS, indirect=True)
def test_a_browser_follows_the_menu_of_a_real_server(port, gateway_process, browser):
    """The menu of a real server has its items, and they lead to what they say."""
    menu, console = dom(browser, address(gateway_process, f"/gopher/127.0.0.1:{port}/"))
    assert console == []
    links = menu.attributes("a", "href")
    # One of them leaves off the endings.
    for name in ("hello", "pic", "bin", "dir with space"):
        assert name in menu.text
    text = next(link for link in links if link.endswith("/hello.txt"))
    page, console = dom(browser, address(gateway_process, text))
    assert console == []
    assert "Hello from gopher.\nSecond line." in page.text
    image = next(link for link in links if link.endswith("pic.gif"))
    page, console = dom(browser, address(gateway_process, image))
    assert console == []
    assert len(page.attributes("img", "src")) == 1
    for link in links:
        if "caf" in link or "space" in link:
            page, console = dom(browser, address(gateway_process, link))
            assert "error" not in page.text.lower()


@pytest.mark.slow
@pytest.mark.parametrize("port", SERVERS, indirect=True)
def test_a_browser_searches_on_a_real_server(port, gateway_process, browser):
    """What is typed into the form of a search reaches the real server's program."""
    path = f"/gopher/127.0.0.1:{port}/7/cgi-bin/search.cgi?q=two+words"
    page, _ = dom(browser, address(gateway_process, path))
    assert "Results for: two words" in page.text


@pytest.mark.long
def test_no_script_of_a_server_runs_in_the_browser(gateway_process, browser):
    """No server gets a script to run, whatever it sends as what."""

    def script(connection: object, request: bytes) -> None:
        if request.startswith(b"/menu"):
            answer = b"".join(
                kind + EVIL + b"\t/" + EVIL + b"\r\n" for kind in (b"i", b"0", b"7", b"3")
            )
        else:
            answer = EVIL
        connection.sendall(answer)  # type: ignore[attr-defined]

    server = Scripted(script)
    try:
        for item in ("1/menu", "0/text", "h/page.html", "1/x"):
            page, _ = dom(
                browser, address(gateway_process, f"/gopher/127.0.0.1:{server.port}/{item}")
            )
            assert "owned" not in _title(page.text)
            assert not page.attributes("img", "src")
            assert not [name for name, _ in page.elements if name == "script"]
    finally:
        server.close()


def _title(text: str) -> str:
    return next(line for line in text.splitlines() if line.strip())


@pytest.mark.long
def test_the_style_sheet_is_loaded_in_dark(gateway_process, browser, tmp_path):
    """The style sheet is loaded under our own policy, in light and in dark."""
    url = address(gateway_process, "/")
    for dark, paper in ((False, "#fcfbf8"), (True, "#16181b")):
        assert paper.encode() in STYLE
        rows = screenshot(browser, url, tmp_path / "page.png", 390, 600, dark=dark)
        assert rows[0][:3].hex() == paper[1:]


@pytest.mark.slow
def test_a_drawing_fits_a_phone(gateway_process, browser, tmp_path):
    """A drawing of 80 columns fits into the window of a phone, each of its lines on one line."""
    drawing = b"".join(b"i" + b"#" * 80 + b"\t\t\t0\r\n" for _ in range(5))
    server = Scripted(lambda connection, _: connection.sendall(drawing))
    try:
        path = f"/gopher/127.0.0.1:{server.port}/1/drawing"
        rows = screenshot(browser, address(gateway_process, path), tmp_path / "phone.png", 390, 600)
    finally:
        server.close()
    paper = rows[0][:3]
    # Between the heading and the foot of the page.
    rows = rows[225:450]
    assert all(row[-3 * 12 :] == paper * 12 for row in rows)
    with_ink = [row[3 * 20 : 3 * 360] != paper * 340 for row in rows]
    lines = sum(
        now and not before for before, now in zip([False, *with_ink], with_ink, strict=False)
    )
    assert lines == 5
    to_the_right = [row[3 * 340 : 3 * 376] != paper * 36 for row in rows]
    assert sum(to_the_right) == sum(with_ink)
