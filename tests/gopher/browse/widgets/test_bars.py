"""The bars show what they are told; the row of keys fits its window, and never leaves out the help."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from logsrv.gopher.browse.app import DARK
from logsrv.gopher.browse.widgets.bars import ALWAYS, AddressBar, Key, StatusBar, fitting


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


async def test_an_address_with_tls_and_without() -> None:
    app = Bars()
    async with app.run_test(size=(40, 5)) as pilot:
        for trusted, shown in ((None, ""), (True, " TLS"), (False, " not trusted")):
            app.address.tell("gopher://h.example/1/a", trusted)
            await pilot.pause()
            assert rows(app)[0] == f"{shown}  gopher://h.example/1/a"


async def test_a_sentence_takes_rows_and_an_address_does_not() -> None:
    app = Bars()
    async with app.run_test(size=(20, 5)) as pilot:
        app.status.tell("one two three four five six", "9 %", busy=False, talking=True)
        await pilot.pause()
        assert app.status.size.height > 1
        assert rows(app)[1].endswith("9 %")
        app.status.tell("one two three four five six", "9 %", busy=False, talking=False)
        await pilot.pause()
        assert app.status.size.height == 1


KEYS: list[Key] = [("Enter", "Open", ""), ("b", "Back", ""), ("s", "Save", ""), *ALWAYS]


def text(keys: list[Key]) -> str:
    return " ".join(f"{name} {does}" for name, does, _ in keys)


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    assert text(fitting(KEYS, 80)) == "Enter Open b Back s Save ? Help q Quit"
    assert text(fitting(KEYS, 34)) == "Enter Open b Back ? Help q Quit"


@given(st.integers(14, 100))
def test_it_fits(width: int) -> None:
    shown = fitting(KEYS, width)
    assert len(text(shown)) <= width and shown[-2:] == list(ALWAYS)
