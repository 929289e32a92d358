"""The beginning of a page is shown while the browser itself still loads."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from logsrv.gopher.browse import start
from logsrv.gopher.browse.layout import Layout
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.gopherhole import item, menu


class FirstScreen:
    """Takes the place of the first screen, and writes down what it was to show."""

    page_width = 80

    def __init__(self) -> None:
        self.shown: list[list[str]] = []

    def paint_page(self, layout: Layout) -> None:
        self.shown.append([line.text for line in layout.lines])

    def leave_to_textual(self) -> None:
        self.shown.append(["handed over"])


class App:
    """Takes the place of the module with the browser."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def Browser(self, session: Any, url: Any, started: Any) -> Any:
        self.made.append((url, started))
        self.started = started
        return self

    return_code = None
    page: Any = None

    async def run_async(self) -> None:
        if self.started is not None:
            self.page = await self.started.wait_for_page()


def browsed(
    url: GopherURL | None, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[App, list[list[str]]]:
    app, curtain = App(), FirstScreen()

    async def main() -> None:
        loaded: list[bool] = []

        def load(name: str) -> App:
            # As if it took until the page is there.
            import time

            while url is not None and not curtain.shown and not loaded:
                time.sleep(0.001)
            return app

        monkeypatch.setattr(start, "import_module", load)
        work = start.browse(url, environ, curtain)  # type: ignore[arg-type]
        assert await work == 0

    asyncio.run(main())
    return app, curtain.shown


def test_a_page_is_shown_before_the_browser_has_loaded(serve, environ, monkeypatch):
    url = GopherURL.parse(serve(menu(item("i", "Hello"), item("1", "Sub"))).url())
    app, shown = browsed(url, environ, monkeypatch)
    assert shown == [["Hello", "Sub"], ["handed over"]]
    assert app.made[0][0] == url and app.page.content.items


@pytest.mark.parametrize("text", [b"one", b"one\r\ntwo\r\n.\r\n"])
def test_a_text_is_shown_too_though_its_last_line_may_have_no_end(
    serve, environ, monkeypatch, text
):
    url = GopherURL.parse(serve(text).url("/0/x"))
    _, shown = browsed(url, environ, monkeypatch)
    assert shown[0][0] == "one" and shown[-1] == ["handed over"]


def test_the_start_page_is_there_at_once(environ, monkeypatch):
    _, shown = browsed(None, environ, monkeypatch)
    assert shown[0][0] == "Gopher" and "Places to begin" in shown[0]


def test_what_is_loaded_first_is_not_textual():
    code = "import sys, logsrv.gopher.browse.start; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0
