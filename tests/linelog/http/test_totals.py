"""How much is in a store, counted once."""

from __future__ import annotations

from pathlib import Path

from logsrv.linelog.http.totals import Totals
from tests.linelog.read.stores import lines, make_store, view_of


def test_all_forms_of_segments(tmp_path: Path) -> None:
    texts = [lines(["a", "b", "c"], 0), lines(["d"], 10), lines(["e", "f"], 20)]
    store = make_store(tmp_path / "store", texts, packed=1)
    view = view_of(store)
    totals = Totals()
    found = totals.of(view)
    assert (found["segments"], found["lines"]) == (3, 6)
    assert found["bytes"] == sum(len(line) for text in texts for line in text)
    assert found["compressed"] == next(store.glob("*.zst")).stat().st_size
    assert found["oldest"] == "2026-11-20T06:00:00.000000Z"
    assert found["newest"] == "2026-11-20T06:00:21.000000Z"
    assert found["position"] == f"3:{sum(map(len, texts[2]))}"
    with (store / "current.log").open("ab") as file:
        file.writelines(lines(["g"], 30))
    assert totals.of(view)["lines"] == 7
    assert totals.of(view)["newest"] == "2026-11-20T06:00:30.000000Z"
    view.close()


def test_late_lines_are_neither_the_oldest_nor_the_newest_by_their_place(tmp_path: Path) -> None:
    """The clock was set back, in a sealed segment and in the active one."""
    texts = [lines(["a", "b"], 10), [*lines(["c"], 20), *lines(["late"], 5), *lines(["d"], 15)]]
    view = view_of(make_store(tmp_path / "store", texts))
    totals = Totals()
    for _ in range(2):
        found = totals.of(view)
        assert found["oldest"] == "2026-11-20T06:00:05.000000Z"
        assert found["newest"] == "2026-11-20T06:00:20.000000Z"
    view.close()


def test_a_removed_segment_counts_no_more(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b"], 5)])
    view = view_of(store)
    totals = Totals()
    assert totals.of(view)["lines"] == 2
    for path in store.glob("0000000001*"):
        path.unlink()
    view.refresh()
    assert (totals.of(view)["segments"], totals.of(view)["lines"]) == (1, 1)
    view.close()


def test_a_text_that_was_cut_is_counted_anew(tmp_path: Path) -> None:
    texts = lines(["a", "b", "c"], 0)
    store = make_store(tmp_path / "store", [texts])
    view = view_of(store)
    totals = Totals()
    assert totals.of(view)["lines"] == 3
    with (store / "current.log").open("ab") as file:
        file.truncate(len(texts[0]))
    found = totals.of(view)
    assert (found["lines"], found["newest"]) == (1, "2026-11-20T06:00:00.000000Z")
    view.close()


def test_an_empty_store(tmp_path: Path) -> None:
    view = view_of(make_store(tmp_path / "store", [[]]))
    found = Totals().of(view)
    assert (found["lines"], found["oldest"], found["newest"]) == (0, None, None)
    assert found["position"] == "1:0"
    view.close()
