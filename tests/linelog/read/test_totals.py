"""The totals of a store, which knows its segments."""

import itertools
import shutil
from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.read.totals import CountedStore, StoresTotals, StoreTotals
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, sealed_segments
from tests.parts.disks import text_of
from tests.parts.looks import change_before_look
from tests.parts.stores import Writer, line, lines, make_store
from tests.parts.web_requests import StoreOnDisk


def totals_of(store: Path) -> StoreTotals:
    return StoreTotals(StoreOnDisk(store))


def test_totals_follow_writing_rotation_sealing_and_removal(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b", "c"], 5), []], packed=1)
    counted = totals_of(store).count
    assert (counted()["segments"], counted()["lines"], counted()["position"]) == (3, 3, "3:0")
    (store / "current.log").write_bytes(line("d", 9))
    assert counted()["lines"] == 4 and counted()["position"] == f"3:{len(line('d'))}"
    before = counted()["compressed"]
    with Disk().open_directory(store) as disk:
        [plain] = [one for one in sealed_segments(disk) if one.form is Form.PLAIN]
        seal(plain, disk)
    assert counted()["compressed"] > before and counted()["lines"] == 4
    for path in store.glob("0000000001*"):
        path.unlink()
    assert (counted()["segments"], counted()["lines"]) == (2, 3)


def test_a_compressed_segment_is_counted_once_and_a_text_from_the_last_count_on(
    tmp_path, monkeypatch
):
    store = make_store(tmp_path / "store", [lines(["a"]), lines(["b"], 5)], packed=1)
    totals = totals_of(store)
    totals.count()
    opened: list[str] = []
    real = Disk.open

    def noted(disk: Disk, name: str, flags: int) -> int:
        opened.append(name)
        return real(disk, name, flags)

    monkeypatch.setattr(Disk, "open", noted)
    totals.count()
    assert "current.log" in opened and not [name for name in opened if name.startswith("0")]


def test_the_store_of_a_rule_that_is_made_anew_is_counted_anew(tmp_path):
    """Its segments have the numbers of those before."""
    main = StoreOnDisk(make_store(tmp_path / "store", [lines(["m"])]))
    stores: dict[int, CountedStore] = {0: main}
    totals = StoresTotals(lambda: stores)
    for number, texts in enumerate((["a", "b"], ["c"])):
        place = tmp_path / f"audit{number}"
        stores[1] = StoreOnDisk(make_store(place, [lines(texts), lines(["d"])], packed=1))
        assert totals.count()["lines"] == 1 + len(texts) + 1
    del stores[1]
    assert totals.count()["lines"] == 1


def test_a_store_that_a_refused_reload_closes_meanwhile_is_not_counted(tmp_path):
    main = StoreOnDisk(make_store(tmp_path / "store", [lines(["m"])]))
    opened = StoreOnDisk(make_store(tmp_path / "audit", [lines(["a"])]))
    totals = StoresTotals(lambda: {0: main, 1: opened})
    assert totals.count()["lines"] == 2
    opened.disk.close()
    assert totals.count()["lines"] == 1


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("then_sealed", [False, True])
def test_a_rotation_at_any_moment_of_a_count_hides_and_doubles_no_line(
    tmp_path, monkeypatch, then_sealed, is_first
):
    """It comes before each look at the store in turn; neither this count nor the next one is wrong."""
    for moment in itertools.count():
        writer = Writer(tmp_path / str(moment))
        totals = totals_of(writer.directory)
        writer.write(message="a longer line")
        assert is_first or totals.count()["lines"] == 1

        def rotate(writer: Writer = writer) -> None:
            writer.write()
            writer.rotate()
            writer.write()
            writer.write()
            if then_sealed:
                writer.seal()

        with monkeypatch.context() as patch:
            came = change_before_look(patch, moment, rotate)
            meanwhile = totals.count()
        assert 1 <= meanwhile["lines"] <= writer.count
        counted = totals.count()
        assert (counted["lines"], counted["bytes"]) == (
            writer.count,
            len(text_of(writer.directory)),
        )
        if not came():
            break
    assert moment > 10


def test_a_store_that_was_removed_cannot_be_counted(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a"])])
    totals = totals_of(store)
    shutil.rmtree(store)
    with pytest.raises(StoreError, match="the store was removed"):
        totals.count()


def test_segments_of_all_forms_are_counted(tmp_path):
    texts = [lines(["a", "b", "c"], 0), lines(["d"], 10), lines(["e", "f"], 20)]
    store = make_store(tmp_path / "store", texts, packed=1)
    totals = totals_of(store)
    found = totals.count()
    assert (found["segments"], found["lines"]) == (3, 6)
    assert found["bytes"] == sum(len(line) for text in texts for line in text)
    assert found["compressed"] == next(store.glob("*.zst")).stat().st_size
    assert found["oldest"] == "2026-11-20T06:00:00.000000Z"
    assert found["newest"] == "2026-11-20T06:00:21.000000Z"
    assert found["position"] == f"3:{sum(map(len, texts[2]))}"
    with (store / "current.log").open("ab") as file:
        file.writelines(lines(["g"], 30))
    assert totals.count()["lines"] == 7
    assert totals.count()["newest"] == "2026-11-20T06:00:30.000000Z"


def test_late_lines_are_neither_the_oldest_nor_the_newest_by_their_position(tmp_path):
    """The clock was set back, in a sealed segment and in the active one."""
    texts = [lines(["a", "b"], 10), [*lines(["c"], 20), *lines(["late"], 5), *lines(["d"], 15)]]
    totals = totals_of(make_store(tmp_path / "store", texts))
    for _ in range(2):
        found = totals.count()
        assert found["oldest"] == "2026-11-20T06:00:05.000000Z"
        assert found["newest"] == "2026-11-20T06:00:20.000000Z"


def test_a_text_that_was_cut_is_counted_anew(tmp_path):
    texts = lines(["a", "b", "c"], 0)
    store = make_store(tmp_path / "store", [texts])
    totals = totals_of(store)
    assert totals.count()["lines"] == 3
    with (store / "current.log").open("ab") as file:
        file.truncate(len(texts[0]))
    found = totals.count()
    assert (found["lines"], found["newest"]) == (1, "2026-11-20T06:00:00.000000Z")


def test_an_empty_store_has_no_lines_and_no_times(tmp_path):
    found = totals_of(make_store(tmp_path / "store", [[]])).count()
    assert (found["lines"], found["oldest"], found["newest"]) == (0, None, None)
    assert found["position"] == "1:0"
