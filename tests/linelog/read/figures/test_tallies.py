"""Numbers over lines are those that counting each of them gives."""

from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import LogsrvError
from logsrv.linelog.fields.forms.json import one as json
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.figures import frequent_keys, line_counts, tallies
from logsrv.linelog.read.figures import time_buckets as over_time
from logsrv.linelog.read.figures.compared_groups import group
from logsrv.linelog.read.figures.counted_values import LONGEST, counted_column
from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import Groups, count_values
from logsrv.linelog.read.figures.line_counts import count_by_time
from logsrv.linelog.read.figures.tallies import count_fields, count_sources
from logsrv.linelog.read.figures.time_buckets import histogram
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.steps.step_words import sensible_steps
from logsrv.linelog.steps.steps import Steps
from tests.parts.counts import counted_values
from tests.parts.examples import more
from tests.parts.stores import BEGIN, line, make_store, view_of


@pytest.mark.parametrize(("limit", "most"), [("MOST_KEYS", 10), ("MOST_CHARACTERS", 1000)])
def test_of_too_many_values_the_frequent_ones_are_kept(limit, most, monkeypatch):
    """A thousand characters of each of 200,000 values would be up to 800 MB."""
    monkeypatch.setattr(frequent_keys, limit, most)
    groups = Groups(Grouping((COUNT,), ("user",)))
    for number in range(100):
        groups.merge((6, [6], {("often",): 5, (f"once {number} {'x' * 90}",): 1}, {}))
        assert sum(len(str(value)) for (value,), _ in groups.counts()) <= 2000
    assert dict(groups.counts())["often",] == 500
    assert groups.lines_with == [600]
    assert groups.missed


@pytest.mark.slow
def test_a_sample_ends_when_its_names_are_too_long(whole, monkeypatch):
    monkeypatch.setattr(tallies, "MOST_CHARACTERS", 9)
    assert count_fields(whole, 500)[1] == 1


def test_the_fields_of_a_sample_are_counted(whole):
    found, sampled = count_fields(whole, 500)
    assert found == {"level": 1000, "n": 500, "tags": 500} or found["n"] == 500
    assert sampled == 500


def test_a_field_of_a_sample_is_in_the_lines_that_a_query_finds(tmp_path):
    """A content's own `name` or `level` is not the line's, and `app` may stand in another field."""
    some = [
        line('{"level": 30, "name": "cart", "time": 1, "msg": "hello"}', 0, "web@tcp:10.0.0.1:1"),
        line('{"level": "banana", "host": "h1", "service": "shop"}', 1),
        line("ERROR in plain text", 2),
        line("<38>Nov 20 06:18:42 gate sshd[77]: a=1 b=2", 3),
    ]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found, sampled = count_fields(Search(view, make_matcher(parse("")), Scope()), 500)
    assert sampled == 4
    for name, number in found.items():
        assert count_values(Search(view, make_matcher(parse("")), Scope()), name).total == number, (
            name
        )
    assert {"fields.name", "fields.time", "fields.host"} < set(found)
    assert (found["app"], found["level"], found["timestamp"]) == (3, 3, 2)
    # Of the source, not of the message.
    assert found["host"] == 4 and "time" not in found


@pytest.mark.slow
def test_sources_have_their_lines_and_last_time(whole, counted_lines):
    found = {one.source: one[1:] for one in count_sources(whole)}
    assert set(found) == {f"tcp:10.0.0.{number}:1" for number in range(4)}
    assert found["tcp:10.0.0.3:1"] == (10_000, counted_lines[-1][:27].decode())


def test_the_last_of_a_source_is_its_largest_time(tmp_path):
    store = make_store(tmp_path / "logs", [[line("a", 9), line("b", 5), line("late", 7)]])
    [found] = count_sources(Search(view_of(store), make_matcher(parse("")), Scope()))
    assert found == ("tcp:127.0.0.1:51234", 3, line("a", 9)[:27].decode())


LINES = st.one_of(
    st.builds(line, st.sampled_from(["x", "ERROR", "<15>x", '{"level":"warn"}']), st.floats(0, 9)),
    st.sampled_from([b"\n", b"x\n", b"2026-11-20T06:00:0\n", b"ERROR\n"]),
)


@more(2)
@given(
    st.sampled_from([0, 1 << 20]),
    st.lists(LINES, min_size=1),
    st.sampled_from([0, 19, 26]),
    st.booleans(),
)
def test_arrays_and_single_lines_count_the_same(small, lines, size, levels):
    wanted = Counter(
        (one[:-1][:size], ParsedLine(one[:-1]).level if levels else None) for one in lines
    )
    with patch.object(line_counts, "SMALL_FOR_NUMPY", small):
        assert count_by_time(b"".join(lines), size, levels=levels) == wanted


STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
ACCESS = b'10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5'
FIELDS = ("level", "source", "name", "host", "port", "status", "fields.path", "user", "app", "a", "b.c",
          "time", "message", "syslog.app", "severity", "x")  # fmt: skip


def slowly(field: str, lines: list[bytes]) -> tuple[int, Counter[str]]:
    found = counted_column([ParsedLine(line).get(field, as_written=True) for line in lines])
    texts = [one if isinstance(one, tuple) else (one,) for one in found if one is not None]
    return len(texts), Counter(str(text) for those in texts for text in those)


@pytest.mark.parametrize("field", FIELDS)
def test_values_of_all_kinds_of_lines_are_counted_as_by_records(field):
    messages = [
        ACCESS, b"<11>shop[1]: " + ACCESS, b'{"a": [1, "1", 2], "b": {"c": "x"}, "status": 200}', b"",
        b'{"b.c": 5, "\\u0061": "y"}', b"a=1 b.c=2 status=500", b"status=404", b"<11>sshd[7]: ERROR no",
        b'{"a": "' + b"x" * 2 * LONGEST + b'"}', b"a=\xff b=1", b"ERROR none",
    ]  # fmt: skip
    lines = [stamp + message for message in messages for stamp in (STAMP, b"")]
    assert counted_values(field, b"\n".join(lines) + b"\n") == slowly(field, lines)


@pytest.mark.parametrize("first", [0, 400])
@pytest.mark.parametrize(
    ("message", "value"),
    [
        ('{"n": 1.50}', "1.50"),
        ('{"n": 5e2}', "5e2"),
        ('{"n": 5.00E2, "level": "info"}', "5.00E2"),
        ('{"n": -0.0}', "-0.0"),
        ('{"n": 1e400}', "1e400"),
        ('{"n": [1.50, 1.50]}', "1.50"),
        ('{"n": "1.50"}', "1.50"),
        ('<11>shop[1]: {"n": 1.50}', "1.50"),
        ('{"a": {"n": 5e2}}', "5e2"),
        ('{"n": 18446744073709551617}', "18446744073709551617"),
        ("n=1.50 m=2", "1.50"),
    ],
)
def test_a_number_counts_as_it_was_written_whoever_parses_it(
    message, value, first, tmp_path, monkeypatch
):
    """The standard library keeps the text of a decimal; orjson, which parses later lines, does not."""
    monkeypatch.setattr(json, "without_orjson", first)
    field = "a.n" if '"a"' in message else "n"
    view = view_of(make_store(tmp_path / "logs", [[line(message)] * 2]))
    search = Search(view, make_matcher(parse("")), Scope())
    assert count_values(search, field).values == [(value, 2)]
    by = group(search, Grouping((COUNT,), (field,)), ())
    assert by.rows == [(value, 2)]


def test_too_many_steps_are_an_error(whole, monkeypatch):
    monkeypatch.setattr(over_time, "MOST_STEPS", 1000)
    with pytest.raises(LogsrvError, match="in more than 1,000 steps of 1 s; take longer steps"):
        histogram(whole, Steps(1.0), levels=False)


def test_no_step_of_a_histogram_is_forgotten(tmp_path, monkeypatch):
    """Of 100,000 steps, each with several levels, there are more groups than are kept of other keys."""
    monkeypatch.setattr(frequent_keys, "MOST_KEYS", 10)
    some = [line(f"<1{number % 2}>app: x", number / 2) for number in range(100)]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found = histogram(Search(view, make_matcher(parse("")), Scope()), Steps(1.0), levels=True)
    assert [one.levels for one in found] == [{"critical": 1, "error": 1}] * 50


def test_steps_shorter_than_a_second(tmp_path):
    some = [line("x", number * 0.04) for number in range(100)]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found = histogram(Search(view, make_matcher(parse("")), Scope()), Steps(0.1), levels=False)
    assert sum(one.lines for one in found) == 100
    assert len(found) == 40


def test_steps_that_end_within_a_second(tmp_path):
    some = [line("x", number * 0.7) for number in range(100)]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found = histogram(Search(view, make_matcher(parse("")), Scope()), Steps(1.5), levels=False)
    assert [one.lines for one in found[:5]] == [3, 2, 2, 2, 2]
    assert [one.start - BEGIN for one in found[:3]] == [0, 1.5, 3]


def test_a_step_is_one_that_people_read():
    assert sensible_steps(3600, 40) == Steps(120.0)
    assert sensible_steps(86_400, 40) == Steps(3600.0)
    assert sensible_steps(0.5, 40) == Steps(0.1)


@pytest.mark.parametrize("message", [b"a=\xff b=1", b'{"a": ["\\udcff"]}'])
def test_a_byte_that_is_not_utf8_is_counted_as_it_is_shown(message):
    assert counted_values("a", b"%b\n" % message) == (1, {r"\xff": 1})
