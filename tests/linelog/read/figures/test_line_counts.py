"""What an index has counted is what reading the text counts, and the text is not read."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.figures import groups
from logsrv.linelog.read.figures.groups import count_lines, count_values
from logsrv.linelog.read.figures.line_counts import levels_in_query
from logsrv.linelog.read.figures.time_buckets import histogram
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.steps.step_words import of_months
from logsrv.linelog.steps.steps import Steps
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.sealing import seal as sealing
from logsrv.linelog.store.segment import Form, sealed_segments
from tests.parts.stores import line, make_store, view_of

COUNT = 1200
MESSAGES = ["ERROR x", "x", '{"level": "warn"}', "<15>x", "level=info a=b", "x"]
SEGMENTS = [
    [line(MESSAGES[number % 6] + " " * 250, begin + number * 3.75) for number in range(COUNT)]
    for begin in (0, 4500, 9000, 13500)
]
EVERY = [one for segment in SEGMENTS for one in segment]


@pytest.fixture(scope="module", autouse=True)
def small_frames() -> Iterator[None]:
    """Let a segment of 1,200 lines have three frames: those of a real store have 1 MiB."""
    with patch.object(sealing.text_pieces, "__defaults__", (1 << 17,)):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("indexed") / "logs", SEGMENTS)


def search(store: Path, query: str = "", **scope: str) -> Search:
    return Search(view_of(store), make_matcher(parse(query)), Scope(**scope))  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["", "level=error"])
def test_only_the_active_segment_is_read_for_coarse_steps(store, query):
    found = search(store, query)
    assert len(histogram(found, Steps(604800.0), levels=True)) == 1
    assert found.stats.segments == 1


@pytest.mark.parametrize("query", ["", "level=error"])
@pytest.mark.parametrize(
    "stage", ["count", "count by level", "count every 7d", "count by level every 7d"]
)
def test_a_table_of_counts_reads_only_the_active_segment_too(store, query, stage):
    asked = parse_question(f"{query} | {stage}")
    found, read = search(store, query), search(store, query, source="tcp:*")
    assert isinstance(asked.answer, Figures)
    assert asked.answer.rows(found, ()) == asked.answer.rows(read, ())
    assert found.stats.segments == 1 and read.stats.segments == 4


def test_the_most_frequent_levels_are_not_read(store):
    found, read = search(store), search(store, source="tcp:*")
    assert count_values(found, "level") == count_values(read, "level")
    assert found.stats.segments == 1


def test_frames_on_the_border_of_a_step_are_read(store):
    found = search(store)
    histogram(found, Steps(3600.0), levels=True)
    # Of 3 sealed segments of 3 frames, those on the borders of 5 hours, and the active one.
    assert 3 < found.stats.frames <= 3 + 5


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"])
@pytest.mark.parametrize("steps", [Steps(3600.0), Steps(7200.0), Steps(86400.0), of_months(1)])
def test_the_index_answers_by_steps_of_a_zone_as_the_lines_do(store, steps, zone):
    found, read = search(store), search(store, source="tcp:*")
    steps = steps.in_zone(zone)
    assert histogram(found, steps, levels=True) == histogram(read, steps, levels=True)
    assert found.stats.frames < read.stats.frames


def test_a_source_is_looked_for_in_the_text(store):
    found = search(store, source="tcp:127.0.0.1:*")
    assert count_lines(found) == len(EVERY)
    assert found.stats.segments == 4


def test_levels_by_other_rules_are_not_used(store, monkeypatch):
    monkeypatch.setattr(groups, "RULES", 99)
    found = search(store)
    histogram(found, Steps(604800.0), levels=True)
    assert found.stats.segments == 4
    # How many lines there are follows from no rules.
    lines = search(store)
    assert count_lines(lines) == len(EVERY)
    assert lines.stats.segments == 1


def test_damaged_counts_are_not_used(tmp_path):
    directory = make_store(tmp_path / "logs", SEGMENTS[:2])
    [name] = directory.glob("*.idx*") or directory.glob("*.index*")
    data = name.read_bytes()
    first = data.splitlines()[2].split(b",")[0]
    name.write_bytes(data.replace(b"\n" + first, b"\n" + first[:-1] + b"7"))
    told: list[str] = []
    found = Search(View(str(directory), told.append), make_matcher(parse("")), Scope())
    assert count_lines(found) == 2 * COUNT
    assert "its frames have another checksum" in told[0]


def test_lines_of_a_file_that_was_cut_are_missing(tmp_path):
    directory = make_store(tmp_path / "logs", SEGMENTS[:2])
    [path] = directory.glob("*.zst")
    path.write_bytes(path.read_bytes()[:-9])
    told: list[str] = []
    found = Search(View(str(directory), told.append), make_matcher(parse("")), Scope())
    assert COUNT < count_lines(found) < 2 * COUNT
    assert any("damaged" in sentence for sentence in told)


def test_a_frame_that_was_not_counted_is_read(tmp_path):
    directory = make_store(tmp_path / "logs", SEGMENTS[:2])
    disk = Disk().open_directory(directory)
    [packed] = [one for one in sealed_segments(disk) if one.form is Form.PACKED]
    made = index.load(packed, disk)
    indexing.save_index(made._replace(levels=(None, *made.levels[1:])), packed, disk)
    disk.close()
    found = search(directory)
    assert count_lines(found) == 2 * COUNT
    assert found.stats.segments == 2


def test_each_query_has_the_levels_it_asks_for():
    assert levels_in_query(parse("level>=alert")) == frozenset(("alert", "emergency"))
    assert None in (levels_in_query(parse("")) or ())
    assert None not in (levels_in_query(parse("level=*")) or (None,))
    assert levels_in_query(parse("level=error x")) is None
    assert levels_in_query(parse("lvl=error")) is None
