"""Stored lines and queries: fields, levels, times, the query language, parameters of the API."""

from functools import cache

from logsrv.errors import QueryError
from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.fields.forms.access.one import parse_access
from logsrv.linelog.fields.forms.events.one import parse_event
from logsrv.linelog.fields.forms.json.one import parse_json
from logsrv.linelog.fields.forms.logfmt.one import parse_logfmt
from logsrv.linelog.fields.forms.programs.one import parse_program_message
from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.json_values import parse_json_exactly
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine, level_of
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import make_source_test, parse_source
from logsrv.linelog.fields.values import (
    Value,
    displayable_text,
    elements_of_value,
    number_of_text,
    text_of_value,
)
from logsrv.linelog.http.endpoints import ENDPOINTS
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.query.caret import error_with_caret
from logsrv.linelog.query.hints import MOST_HINTS, foreign_syntax_hints
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import Node
from logsrv.linelog.query.text_search.engine import (
    TooLargeExpressions,
    WrongExpression,
    check_expression_sizes,
    compile_search,
    most_re2_instructions,
    require_valid_expression,
)
from logsrv.linelog.query.text_search.expression import compile_expression
from logsrv.linelog.query.text_search.highlight import highlight_finder
from logsrv.linelog.query.text_search.literals import AllOf, Literal, Need
from logsrv.linelog.query.times import parse_moment, parse_steps
from logsrv.linelog.store.words.lookup import WordIndex
from tests.fuzz.oracles import at_most, safe
from tests.fuzz.target import target
from tests.parts.word_indexes import stored_index

NOW = 1_795_000_000.0
STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
NAMES = (
    "user",
    "status",
    "app",
    "a",
    "a.b",
    "fields.a",
    "syslog.app",
    "path",
    "level",
    "time",
    "msg",
)


def _written(value: Value | None) -> list[str] | None:
    return None if value is None else [*map(text_of_value, elements_of_value(value))]


@target(
    "linelog.fields.parsed_line",
    "linelog.fields.reader",
    "linelog.fields.json_values",
    "linelog.fields.stamps",
    "linelog.fields.stored_line",
    "linelog.fields.values",
    "linelog.fields.forms.pieces",
    "linelog.fields.forms.split_lines",
    "linelog.fields.forms.line_kinds",
    "linelog.fields.forms.access.one",
    "linelog.fields.forms.container.one",
    "linelog.fields.forms.contents.one",
    "linelog.fields.forms.device.one",
    "linelog.fields.forms.events.one",
    "linelog.fields.forms.json.decimals",
    "linelog.fields.forms.json.one",
    "linelog.fields.forms.logfmt.one",
    "linelog.fields.forms.programs.one",
    "linelog.fields.forms.syslog.one",
)
def fields(data: bytes) -> None:
    """Fields of many lines at once are those of each single line, and are safe to show."""
    for stamp in (b"", STAMP):
        text = b"".join(stamp + line + b"\n" for line in data.split(b"\n"))
        lines = text.split(b"\n")[:-1]
        records = [ParsedLine(line) for line in lines]
        wanted = [
            [_written(record.get(name, as_written=True)) for record in records] for name in NAMES
        ]
        for names in (NAMES, *([name] for name in NAMES)):
            columns = FieldReader(names).read(StampedLines(text))
            for name, column in zip(names, columns, strict=True):
                assert [*map(_written, column)] == wanted[NAMES.index(name)]
        for record in records:
            for name, value in record.fields.items():
                assert "\\" in name or record.get(f"fields.{name}") is not None
                displayable_text(name).encode()
                str(value).encode()
    parse_syslog_header(data)
    parse_json(data)
    parse_json_exactly(data)
    message = data.decode("utf-8", "surrogateescape")
    parse_access(message)
    parse_program_message(message, None)
    parse_logfmt(message)
    parse_event(message)
    number_of_text(message)
    parse_source(message)
    matches = make_source_test(message[:20])
    if matches is not None:
        matches(STAMP + data, 28, len(STAMP) - 1)


@target(
    "linelog.fields.level_numbers",
    "linelog.fields.parsed_line",
    "linelog.fields.level_names",
    "linelog.fields.level.one",
    "linelog.fields.level.many",
    "linelog.fields.level.first_words",
    "linelog.fields.level.leading_times",
    "linelog.fields.forms.access.statuses",
    "linelog.fields.forms.logfmt.levels",
)
def levels(data: bytes) -> None:
    """Each of the three functions that find the level of a line finds the same one."""
    for stamp in (b"", STAMP):
        lines = [stamp + line for line in data.split(b"\n")]
        text = b"".join(line + b"\n" for line in lines)
        wanted = [ParsedLine(line).level for line in lines]
        assert [OF_NUMBERS[number] for number in level_numbers(text).tolist()] == wanted
        assert [level_of(line) for line in lines] == wanted


@target("linelog.fields.stamps")
def stamps(data: bytes) -> None:
    """Times of many lines at once are those of each single line."""
    text = data + b"\n"
    found = StampedLines(text)
    moments = found.moments().tolist()
    for row, line in enumerate(text.split(b"\n")[:-1]):
        record = ParsedLine(line)
        assert found.line(row) == line
        if moments[row] != int(NO_TIME):
            assert record.time == exact_rfc3339(moments[row])
    assert len(found.sources()) == sum(ParsedLine(line).start > 0 for line in data.split(b"\n"))


@cache
def some_lines() -> bytes:
    """Return lines of all kinds, in which short queries find something."""
    messages = (
        b"connection from 10.0.0.9 refused",
        b'{"user":"bob","status":500,"a":{"b":[1,2]},"level":"warn"}',
        b'10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 500 5 "-" "x"',
        b"",
        b"<34>Nov 20 06:18:42 web sshd[77]: Failed password for root",
        b'level=error msg="a b" user=bob took=3ms',
        "\u00e9\u212a ERROR caf\u00e9".encode(),
        b"\xff\\xff",
        b"a" * 100,
        b"<165>1 2026-11-20T06:18:42Z h a 1 - - x",
    )
    return b"".join(STAMP * (place != 3) + one + b"\n" for place, one in enumerate(messages))


@cache
def their_words() -> WordIndex:
    return WordIndex(stored_index(*(line + b"\n" for line in some_lines().split(b"\n")[:-1])))


def _parsed(text: str) -> Node | None:
    try:
        return parse(text)
    except QueryError as error:
        assert 1 <= error.at <= len(text) + 1
        shown = error_with_caret(text, error)
        safe(shown)
        at_most(len(shown), 3000)
        return None


def is_met(need: Need, line: bytes, number: int) -> bool:
    """Return whether a line meets a need, and the index of words does not leave it out."""
    if isinstance(need, Literal):
        frames = their_words().frames_with(need.text, need.ignore_case)
        has = need.text in (line.lower() if need.ignore_case else line)
        return has and (frames is None or bool(frames >> number & 1))
    met = (is_met(part, line, number) for part in need.parts)
    return all(met) if isinstance(need, AllOf) else any(met)


@target(
    "linelog.query.parse",
    "linelog.query.value_list",
    "linelog.query.pipeline",
    "linelog.stages.where",
    "linelog.stages.let",
    "linelog.alerts.grammar",
    "linelog.query.caret",
    "linelog.query.hints",
    "linelog.query.text_search.engine",
    "linelog.query.text_search.expression",
    "linelog.query.match",
    "linelog.query.text_search.highlight",
    "linelog.query.many",
    longest=300,
)
def query(data: bytes) -> None:
    """A query finds the same in many lines as in each single one, alone and with others; or it
    is refused.
    """
    text = data.decode("utf-8", "surrogateescape")
    hints = foreign_syntax_hints(text)
    at_most(len(hints), MOST_HINTS)
    for hint in hints:
        safe(hint, "")
    behind_figures = f"a | max time by app | where {text}"
    computed = f"a | count, count as n by app | let m = {text}"
    for question in (text, f"a | {text}", f"a | extract {text}", behind_figures, computed):
        for read in (parse_question, parse_alert):
            try:
                read(question)
            except QueryError as error:
                assert 1 <= error.at <= len(question) + 1
    node = _parsed(text)
    if node is None:
        return
    matcher = make_matcher(node)
    lines = some_lines()
    places = list(matcher.find(lines))
    one_by_one = []
    start = 0
    for line in lines.split(b"\n")[:-1]:
        if matcher.matches(line):
            one_by_one.append((start, start + len(line)))
        start += len(line) + 1
    assert places == one_by_one
    assert matcher.count(lines) == len(places)
    assert matcher.matching_lines(lines) == b"".join(
        lines[begin : end + 1] for begin, end in places
    )
    beside = [matcher, make_matcher(parse("user=bob")), make_matcher(parse("refused"))]
    together = [
        place for number, found in ManyQueries(beside).find(lines) if number == 0 for place in found
    ]
    assert sorted(together) == places
    for begin, end in places:
        assert matcher.needs is None or is_met(
            matcher.needs, lines[begin:end], lines.count(b"\n", 0, begin)
        )
    for begin, end in places:
        message = ParsedLine(lines[begin:end]).body
        for first, last in highlight_finder(node)(message):
            assert 0 <= first <= last <= len(message)


@target(
    "linelog.query.text_search.engine",
    "linelog.query.text_search.expression",
    longest=120,
)
def expressions(data: bytes) -> None:
    """An expression finds the same in many lines as in each single one; its size is known before."""
    text = data.decode("utf-8", "replace")
    try:
        check_expression_sizes([text])
        assert most_re2_instructions(text) > 0
        require_valid_expression(text)
        compile_expression(text)
    except (WrongExpression, TooLargeExpressions) as error:
        assert str(error)
        return
    compile_search(text)
    query(b"/" + text.replace("/", "\\/").encode() + b"/")


@target("linelog.query.times", "linelog.steps.step_words", longest=60)
def times(data: bytes) -> None:
    """A time is a moment of the calendar, steps have a start, or both are refused with a sentence."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        steps = parse_steps(text).in_zone("Africa/Cairo")
        assert steps.is_auto or steps.start_of(NOW) <= NOW < steps.end_of(NOW)
    except ValueError as error:
        safe(str(error), "")
    for utc in (False, True):
        try:
            exact_rfc3339(int(parse_moment(text, NOW, utc) * 1_000_000))
        except ValueError as error:
            safe(str(error), "")


@target("linelog.http.endpoints", longest=300)
def api_parameters(data: bytes) -> None:
    """Parameters of the API give values, or are refused with a status and a sentence."""
    for endpoint in ENDPOINTS:
        try:
            endpoint.parse(data, NOW)
        except Problem as problem:
            assert 400 <= problem.status < 500
            safe(str(problem), "\n")
