"""Ways to put a question: in this process, as a command, over HTTP, in SQL; and switches of them."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    redirect_stderr,
    redirect_stdout,
)
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch
from urllib.parse import urlencode

from logsrv.cli.main import main
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields import reader
from logsrv.linelog.fields.forms.json import one as json_fields
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.search_child import answer_request
from logsrv.linelog.query import literal_windows
from logsrv.linelog.query.line_spans import all_line_spans
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import Matcher, TextPosition, make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read import plan, pool
from logsrv.linelog.read.answer_kinds import LinesAnswer, after_stages
from logsrv.linelog.read.answers import sources
from logsrv.linelog.read.figures import aggregate, line_counts, time_buckets
from logsrv.linelog.read.figures.grouping import OF_FIELDS
from logsrv.linelog.read.figures.groups import count_lines, count_values
from logsrv.linelog.read.patterns.find import find_patterns
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.remembered import RememberedParts
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.answer import SqlAnswer
from logsrv.linelog.sql.rows import StoreReading
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.steps.steps import Steps
from tests.linelog.questions.asking import OF_TEXTS, Question, in_query
from tests.linelog.questions.forms import Store
from tests.linelog.questions.lines import Line
from tests.parts.child_processes import Spawned
from tests.parts.web_requests import Browser
from tests.parts.web_requests import ServedStore as Site

Answer: TypeAlias = Any
"""Numbers of lines, a number, values with counts, counts by step, rows, or patterns with counts."""


class Unsaid(Exception):
    """The engine has no words for the question."""


def _line_by_line(
    self: Matcher,
    text: bytes,
    text_position: TextPosition | None = None,
    first_lines: FirstLines = NO_FIRST_LINES,
) -> Iterator[tuple[int, int]]:
    for start, end in all_line_spans(text):
        position = f"{text_position[0]}:{text_position[1] + start}" if text_position else None
        if self.matches(text[start:end], position, first_lines.get(start)):
            yield start, end


def _with_others(
    self: Matcher,
    text: bytes,
    text_position: TextPosition | None = None,
    first_lines: FirstLines = NO_FIRST_LINES,
) -> Iterator[tuple[int, int]]:
    """Find what this query finds among others."""
    queries = [
        "error",
        "status>=500",
        "NOT user=bob",
        *(f"status={status}" for status in (200, 404, "5e2", "x", 503)),
    ]
    nodes = [self.node, *(parse_question(one).node for one in queries)]
    together = [Matcher(node) for node in nodes]
    for one in together:
        one.find = partial(_FIND, one)  # type: ignore[method-assign]
    found = ManyQueries(together).find(text, text_position, first_lines)
    return iter(sorted(span for number, spans in found if number == 0 for span in spans))


_FIND = Matcher.find

SWITCHES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "counts of the index": lambda: patch.object(aggregate, "levels_in_query", lambda _: None),
    "words": lambda: patch.object(plan, "frames_with_need", lambda *_: None),
    "candidates": lambda: patch.multiple(
        Matcher, find=_line_by_line, count=lambda self, *of: sum(1 for _ in self.find(*of))
    ),
    "a pass alone": lambda: patch.object(Matcher, "find", _with_others),
    "one process": lambda: patch.object(pool, "_ALONE", 1),
    "few texts": lambda: patch.object(pool, "_MANY", 1),
    "large pieces": lambda: patch.object(literal_windows, "SIZE", 300),
    "columns beside segments": lambda: patch.object(sources, "WITHOUT_COLUMNS", 10**9),
    "columns": lambda: patch.object(reader, "read_fields", lambda *_: {}),
    "the short way to count": lambda: patch.object(line_counts, "SMALL_FOR_NUMPY", 1),
    "Python's JSON": lambda: patch.object(json_fields, "without_orjson", 0),
    "orjson": lambda: patch.object(json_fields, "without_orjson", 10**9),
}
"""What is done in another way, or not at all, so that an answer takes longer."""


def in_process(store: Store, asked: Question) -> Answer:
    """Put a question to the parts that all others use; once more when its parts are remembered."""
    memory = RememberedParts()
    first = _in_process(store, asked, memory)
    notes = memory.take_notes()
    for note in notes:
        memory.keep(note)
    assert not notes or _in_process(store, asked, memory) == first
    return first


def _in_process(store: Store, asked: Question, memory: RememberedParts) -> Answer:
    question, most = parse_question(asked.text), asked.limit
    scope = Scope(asked.since, asked.until, source=asked.source)
    with ExitStack() as opened:
        view = opened.enter_context(_view(store))
        view.remembered = memory
        search = Search(view, make_matcher(question.node), scope, processes=2)
        opened.callback(search.close)
        if asked.answer == "count":
            return count_lines(search)
        if asked.answer == "top":
            return count_values(search, asked.fields[0], question.extractions).values[:most]
        if asked.answer == "histogram":
            found = time_buckets.histogram(search, Steps(asked.every or 0.0), levels=True)
            return asked.every, {one.start: (one.lines, one.levels) for one in found}
        if asked.answer == "table":
            assert isinstance(question.answer, Figures)
            answer = question.answer.for_reader(search, asked.zone)
            rows = answer.rows(search, question.extractions)
            return after_stages(rows, answer, question.row_stages).rows[:most]
        if asked.answer == "patterns":
            return [
                (one.template, one.app, one.level, one.lines, store.numbers[str(one.position)])
                for one in find_patterns(search).patterns[:most]
            ]
        if asked.answer == "sort":
            assert isinstance(question.answer, LinesAnswer) and most is not None
            hits = [*question.answer.find(search, question.extractions, most).hits]
        else:
            hits = [*search.hits(reverse=asked.reverse)][:most]
        return [store.numbers[str(hit.position)] for hit in hits]


def _view(store: Store) -> View:
    def tell(sentence: str) -> None:
        assert store.is_damaged, sentence

    return View(str(store.directory), tell, away=True)


def command(store: Store, asked: Question, *, options: bool = False) -> Answer:
    """Ask `logsrv search`. options: instead of the last stage."""
    if asked.zone:
        raise Unsaid
    words = ["search", f"--directory={store.directory}", "--utc", "--output=json"]
    for name in ("since", "until", "source"):
        words += [f"--{name}={value}" for value in [getattr(asked, name)] if value]
    words += ["-n", str(asked.limit)] if asked.limit is not None else []
    if asked.answer == "histogram":
        words += ["--histogram", f"--every={round((asked.every or 0) * 1000)}ms"]
    else:
        words += {"count": ["-c"], "top": ["--top", *map(in_query, asked.fields)]}.get(
            asked.answer, []
        )
    words += ["--reverse"] * asked.reverse
    words += _options(asked) if options else []
    out, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        status = main([*words, "--", asked.query if options else asked.text])
    assert status < 2 or store.is_damaged, errors.getvalue()
    out.seek(0)
    rows = [json.loads(line) for line in out.read().splitlines()]
    if asked.answer == "count":
        return rows[0]
    if asked.answer == "histogram":
        return asked.every, _buckets(rows)
    if asked.answer in ("top", "table"):
        return [tuple(row.values()) for row in rows]
    return [
        _pattern(store, row) if "pattern" in row else store.numbers[row["position"]] for row in rows
    ]


def reads_columns(store: Store) -> bool:
    """Whether a command says that it has read columns."""
    errors = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(errors):
        main(["search", f"--directory={store.directory}", "--top=source", "--stats"])
    return "by columns" in errors.getvalue()


def _options(asked: Question) -> list[str]:
    """The last stage as options."""
    if asked.names:
        raise Unsaid
    if asked.answer == "patterns":
        return ["--patterns"]
    if asked.answer == "sort":
        return ["--sort", *map(in_query, asked.fields), *["--reverse"] * asked.ascending]
    # Options have an order of their own; alone, --count is no table.
    order = ["count", *OF_FIELDS]
    known = [order.index(function) for function, _ in asked.figures]
    is_alone = not (asked.fields or asked.every or asked.compare or (known and known[-1]))
    if not known or known != sorted(known) or is_alone or asked.of_rows:
        raise Unsaid
    words = [
        f"--{function.replace('_', '-')}={in_query(name)}" if name else "--count"
        for function, name in asked.figures
    ]
    words += [f"--by={','.join(map(in_query, asked.fields))}"] if asked.fields else []
    words += [f"--compare={round(asked.compare * 1000)}ms"] if asked.compare else []
    return words + ([f"--every={round(asked.every * 1000)}ms"] if asked.every else [])


def _buckets(rows: Sequence[dict[str, Any]]) -> dict[float, tuple[int, dict[str, int]]]:
    return {
        parse_rfc3339(one["time"]): (one["count"], one["levels"]) for one in rows if one["count"]
    }


def _pattern(store: Store, row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("pattern", "app", "level", "count")
    return (*(row[name] or "" for name in names), store.numbers[row["position"]])


class _Searching(Spawned):
    """A searching process, done here, in another turn of the reactor."""

    def answer(self) -> None:
        """Answer what it was asked, and end."""
        for request in self.said:
            answer_request(json.loads(request), self.say, lambda sentence: None)
        self.end()


class _Received:
    """A socket with an answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self._data)


class Api:
    """The HTTP API of a site in memory. headers: of each request, with `_` for `-`."""

    def __init__(self, directory: Path) -> None:
        self._site = Site(directory)
        self.headers: dict[str, str] = {}
        self._started: list[_Searching] = []
        self._site.reactor.spawnProcess = self._start  # type: ignore[method-assign]

    def apply(self, **options: Any) -> None:
        """Use these options of the web interface."""
        self._site.server.apply(HttpSettings(**options))

    def _start(
        self, protocol: Any, _: str, command: list[str], env: dict[str, str], **_more: Any
    ) -> _Searching:
        self._started.append(_Searching(protocol, command, env))
        return self._started[-1]

    def __call__(self, store: Store, asked: Question) -> Answer:
        if asked.answer in ("top", "patterns") and asked.limit == 0:
            raise Unsaid
        self._site.store = store.directory
        values = {name: getattr(asked, name) for name in ("since", "until", "source")}
        values["q"] = asked.query if asked.answer == "patterns" else asked.text
        values |= {} if asked.limit is None else {"limit": asked.limit}
        more: dict[str, dict[str, Any]] = {
            "lines": {"reverse": int(asked.reverse)}, "count": {"q": f"{asked.query} | count"},
            "top": {"field": "".join(map(in_query, asked.fields))}, "histogram": {"buckets": 1000},
        }  # fmt: skip
        values |= more.get(asked.answer, {})
        values |= {"tz": asked.zone} if asked.zone else {}
        name = {"lines": "search", "sort": "search", "count": "table"}.get(
            asked.answer, asked.answer
        )
        browser = Browser(self._site.server.handle, self._site.reactor)
        browser.get(f"/api/{name}?{urlencode(values)}", **self.headers)
        while self._started:
            self._started.pop().answer()
        answer = HTTPResponse(_Received(browser.received))  # type: ignore[arg-type]
        answer.begin()
        body = answer.read()
        assert answer.status == 200, body
        if name == "search":
            return [store.numbers[json.loads(line)["position"]] for line in body.splitlines()]
        found = json.loads(body)
        if asked.answer == "histogram":
            return found["step"], _buckets(found["buckets"])
        if name == "table":
            rows = [tuple(row) for row in found["rows"]]
            return rows[0][0] if asked.answer == "count" else rows
        if asked.answer == "top":
            return [(one["value"], one["count"]) for one in found["values"]]
        return [_pattern(store, row) for row in found["patterns"]]


def sql(lines: Sequence[Line], store: Store, asked: Question) -> Answer:
    """Ask in SQL about the lines that the query finds."""
    columns = {"lines": ["segment || ':' || \"offset\""], "count": ["count(*)"]}.get(
        asked.answer, []
    )
    has_words = not (asked.of_rows or asked.compare or asked.names) and {
        one for one, _ in asked.figures
    }.isdisjoint(OF_TEXTS)
    if asked.answer == "table" and has_words and not asked.every and {*asked.fields} <= _OF_SOURCES:
        columns = [f"{name}::varchar" for name in asked.fields]
        columns += [_figure(lines, asked, function, name) for function, name in asked.figures]
    if not columns or asked.source or asked.reverse:
        raise Unsaid
    times = ((">=", asked.since), ("<", asked.until))
    conditions = [f"time {op} '{moment}'" for op, moment in times if moment] or ["true"]
    statement = f"select {', '.join(columns)} from logs where {' and '.join(conditions)}"
    with _view(store) as view:
        reading = StoreReading(view, parse_question(asked.query), processes=1)
        groups = " group by all" if asked.answer == "table" else ""
        with closing(SqlAnswer(statement + groups, reading, utc=True)) as answer:
            rows = [tuple(row.values()) for batch in answer.batches() for row in batch.to_pylist()]
    if asked.answer == "lines":
        return [store.numbers[position] for (position,) in rows][: asked.limit]
    return rows[0][0] if asked.answer == "count" else rows


_OF_SOURCES = {"level", "name", "source", "host"}


def _figure(lines: Sequence[Line], asked: Question, function: str, name: str) -> str:
    """A figure in SQL, of a field that is a number there."""
    # A list is a text there, and a number too large for a column is NULL.
    texts = [asked.field(line, name) for line in lines]
    columns = {*_OF_SOURCES, "time", "message", "fields"}
    if name in columns or any(len(some) > 1 or len(some[0]) > 15 for some in texts if some):
        raise Unsaid
    number = '"{}" + 0'.format(name.replace('"', '""'))
    if not name:
        return "count(*)"
    return (
        f"quantile_cont({number}, 0.{function[1:]})"
        if function[0] == "p"
        else f"{function}({number})"
    )
