"""The address bar and the status bar show what they are told."""

from __future__ import annotations

from textual.app import App, ComposeResult

from logsrv.gopher.browse.app import DARK
from logsrv.gopher.browse.widgets.bars import AddressBar, StatusBar
from tests.gopher.browse.conftest import run


class Bars(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.address = AddressBar()
        self.status = StatusBar()

    def compose(self) -> ComposeResult:
        yield self.address
        yield self.status


def rows(app: App[None]) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def test_an_address_with_tls_and_without() -> None:
    async def main() -> None:
        app = Bars()
        async with app.run_test(size=(40, 5)) as pilot:
            for trusted, shown in ((None, ""), (True, " TLS"), (False, " not trusted")):
                app.address.tell("gopher://h.example/1/a", trusted)
                await pilot.pause()
                assert rows(app)[0] == f"{shown}  gopher://h.example/1/a"

    run(main())


def test_a_sentence_takes_rows_and_an_address_does_not() -> None:
    async def main() -> None:
        app = Bars()
        async with app.run_test(size=(20, 5)) as pilot:
            app.status.tell("one two three four five six", "9 %", busy=False, talking=True)
            await pilot.pause()
            assert app.status.size.height > 1
            assert rows(app)[1].endswith("9 %")
            app.status.tell("one two three four five six", "9 %", busy=False, talking=False)
            await pilot.pause()
            assert app.status.size.height == 1

    run(main())
