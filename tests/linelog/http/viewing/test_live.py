"""The newest lines, at a bounded cost, with an account of the others."""

from pathlib import Path

from logsrv.linelog.http.viewing import live
from logsrv.linelog.http.viewing.live import LiveReader
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, view_of


def reading(store: Path, begin: Position | None = None) -> tuple[View, LiveReader]:
    """A view of a store, and who looks at it from its end on or from that place."""
    view = view_of(store)
    return view, LiveReader(view, begin or end_of_store(view))


def write(store: Path, text: bytes) -> None:
    with (store / "current.log").open("ab") as file:
        file.write(text)


def test_each_line_is_in_one_look(tmp_path):
    """Each line is in one poll, at its position; a line that is not whole is in the next."""
    store = make_store(tmp_path / "store", [[line("old")]])
    _, place = reading(store)
    assert place.poll() == ([], [], 0, False)
    write(store, line("new")[:10])
    assert place.poll().pieces == []
    write(store, line("new")[10:])
    (news,) = place.poll().pieces
    assert news.text == line("new") and news.position == Position(1, len(line("old")))


def test_too_many_lines_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "PIECE", 1000)
    monkeypatch.setattr(live, "KEPT", 5000)
    store = make_store(tmp_path / "store", [[]])
    view, place = reading(store)
    write(store, line("x" * 60) * 1000)
    polled = place.poll()
    kept = sum(news.text.count(b"\n") for news in polled.pieces)
    assert polled.missed + kept == 1000
    assert 5000 <= sum(len(news.text) for news in polled.pieces) < 7000
    assert polled.pieces[-1].text.endswith(b"\n") and place.position == end_of_store(view)


def test_skipped_lines_are_estimated(tmp_path, monkeypatch):
    """The number is about right, and what is shown are the newest lines, none from before the gap."""
    monkeypatch.setattr(live, "PIECE", 1000)
    monkeypatch.setattr(live, "KEPT", 5000)
    monkeypatch.setattr(live, "COUNTED", 20_000)
    store = make_store(tmp_path / "store", [[]])
    view, place = reading(store)
    write(store, line("x" * 60) * 10_000)
    polled = place.poll()
    kept = sum(news.text.count(b"\n") for news in polled.pieces)
    assert 9500 < polled.missed + kept < 10_500 and kept > 20
    assert place.position == end_of_store(view)
    text = b"".join(news.text for news in polled.pieces)
    assert (store / "current.log").read_bytes().endswith(text)
    write(store, line("after"))
    (news,) = place.poll().pieces
    assert news.text == line("after")


def test_skipped_segments_are_estimated(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "PIECE", 1000)
    monkeypatch.setattr(live, "KEPT", 2000)
    monkeypatch.setattr(live, "COUNTED", 5000)
    many = [line("x" * 60)] * 500
    view, place = reading(make_store(tmp_path / "store", [many, many, many]), Position(1, 0))
    polled = place.poll()
    assert place.position == end_of_store(view) and {
        news.position.segment for news in polled.pieces
    } == {3}
    assert 1450 < polled.missed + sum(news.text.count(b"\n") for news in polled.pieces) < 1550


def test_a_look_says_that_retention_removed_lines(tmp_path):
    store = make_store(tmp_path / "store", [[line("a")], [line("b")], [line("c")]])
    _, place = reading(store, Position(1, 0))
    for path in store.glob("0000000001*"):
        path.unlink()
    polled = place.poll()
    assert polled.gone and polled.pieces[0].position == Position(2, 0)
    assert b"".join(news.text for news in polled.pieces) == line("b") + line("c")
