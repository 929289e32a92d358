"""Whatever is asked of whatever store, every engine answers as a loop over the lines would."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.first_lines import first_lines as first_lines_of
from logsrv.linelog.fields.forms.json import one as json_fields
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING
from tests.linelog.questions import engines
from tests.linelog.questions.asking import ANSWERS, Asker, Question
from tests.linelog.questions.engines import SWITCHES, Answer, Api, Unsaid
from tests.linelog.questions.forms import FORMS, Store, make_form
from tests.linelog.questions.lines import Line, own_level, random_lines, with_records
from tests.linelog.questions.reference import number_in, shown, table
from tests.parts.examples import more
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.matchers import check_matcher

LINES, QUESTIONS = 60, 6
NUMBERS = ("count", "top", "histogram", "table", "table", "table", "sort")
WITH_COLUMNS = ("columns", "some columns")
SEEDS = st.integers(0, 2**32 - 1)


# A smaller seed is no simpler question. The usual questions are the same ones each time: a new one may find
# a gap of the reference, and those are for the runs with more.
NEW = settings().max_examples > 25


@pytest.mark.minutes(3)
@settings(more(0.4), derandomize=not NEW, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(SEEDS)
def test_every_engine_answers_as_a_loop_over_the_lines(seed):
    ask_all(seed)


# 500 questions about columns.
@pytest.mark.slow
@pytest.mark.minutes(3)
@settings(more(0.8), derandomize=not NEW, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(SEEDS)
def test_columns_answer_as_a_loop_over_the_lines(seed):
    ask_all(seed, 25, NUMBERS, WITH_COLUMNS)


# The parts that every engine uses, more often than whole engines can be asked.
@pytest.mark.minutes(3)
@settings(more(2), derandomize=not NEW, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(SEEDS)
def test_all_ways_of_a_query_find_the_lines_for_which_it_is_true(seed):
    random = Random(seed)
    lines = random_lines(random, random.randrange(2, 20))
    for number in random.sample(range(len(lines)), len(lines) // 8):
        lines[number] = attrs.evolve(lines[number], source="")
    lines = with_records([attrs.evolve(line, first=None, level=own_level(line)) for line in lines])
    asker = Asker(random, lines)
    text = b"".join(line.stored for line in lines)
    text = text if random.randrange(3) or text.endswith(b"\n\n") else text[:-1]
    first_lines = first_lines_of(StampedLines(text if text.endswith(b"\n") else text + b"\n"))
    wanted: list[list[tuple[int, int]]] = []
    nodes = []
    for _ in range(8):
        query, is_true = asker.condition()
        nodes.append(parse(query))
        wanted.append([])
        at = 0
        for line in lines:
            end = at + len(line.stored) - 1
            if is_true(line):
                wanted[-1].append((at, end))
            at = end + 1
        check_matcher(make_matcher(nodes[-1]), query, text, wanted[-1], first_lines)
    together: list[list[tuple[int, int]]] = [[] for _ in nodes]
    for number, found in ManyQueries([make_matcher(node) for node in nodes]).find(
        text, None, first_lines
    ):
        together[number] += found
    assert together == wanted


def ask_all(
    seed: int,
    questions: int = QUESTIONS,
    answers: Sequence[str] = ANSWERS,
    forms: Sequence[str] = (),
) -> list[str]:
    """Make lines, stores of them, and questions; put each in some ways. Return what was asked.

    answers: kinds of questions. forms: of the stores that every question is put to, else three by chance.
    """
    told: list[str] = []
    # How JSON is read must not depend on the tests before this one.
    with (
        tempfile.TemporaryDirectory(prefix="questions.") as home,
        patch.object(json_fields, "without_orjson", 40),
        columns_for_few_frames(),
    ):
        try:
            _ask(Random(seed), Path(home), told, questions, answers, forms)
        except BaseException as error:
            error.add_note("\n".join(told[-1:]))
            raise
    return told


def _ask(
    random: Random,
    home: Path,
    told: list[str],
    questions: int,
    answers: Sequence[str],
    forms: Sequence[str],
) -> None:
    lines = random_lines(random, random.randrange(2, LINES))
    stores: dict[str, Store] = {}
    ways: dict[str, Callable[[Store, Question], Answer]] = {
        "process": engines.in_process,
        "command": engines.command,
        "options": partial(engines.command, options=True),
        "HTTP": Api(home),
        "SQL": partial(engines.sql, lines),
    }
    asker = Asker(random, lines, answers)
    for _ in range(questions):
        asked = asker.question()
        checks = Checks(asked, lines)
        for form in forms or random.sample(list(FORMS), 3):
            if form not in stores:
                stores[form] = make_form(form, home / form, lines, random)
            off = random.sample(list(SWITCHES), random.choice([0, 1, 1, 2]))
            way = random.choice(list(ways))
            told.append(f"{form}, {way}, without {off}: {asked}")
            with ExitStack() as switched, suppress(Unsaid):
                for name in off:
                    switched.enter_context(SWITCHES[name]())
                if asked.compare and form == "damaged":
                    # The times of a segment without index are approximate.
                    raise Unsaid
                checks.check(ways[way](stores[form], asked), is_ordered=way != "SQL")
    assert "columns" not in stores or engines.reads_columns(stores["columns"])


class Checks:
    """The checks of answers to a question."""

    def __init__(self, asked: Question, lines: Sequence[Line]) -> None:
        self._asked = asked
        self._lines = [lines[number] for number in asked.found(lines)]
        self._numbers = asked.found(lines)
        self._all = lines
        self._patterns: Answer = None

    def check(self, found: Answer, *, is_ordered: bool) -> None:
        kind, most = self._asked.answer, self._asked.limit
        if kind == "lines":
            wanted: Any = (self._numbers[::-1] if self._asked.reverse else self._numbers)[:most]
        elif kind == "count":
            wanted = len(self._numbers)
        elif kind == "histogram":
            wanted = found[0], self._buckets(found[0])
        elif kind == "top":
            wanted = self._top()[:most]
        elif kind == "sort":
            wanted = self._sorted()[:most]
        elif kind == "table":
            wanted = [tuple(map(nearly, row)) for row in table(self._asked, self._all)]
            if is_ordered:
                wanted = wanted[:most]
            else:
                found, wanted = sorted(found, key=str), sorted(wanted, key=str)
        else:
            self._check_patterns(found)
            self._patterns = wanted = found if self._patterns is None else self._patterns
        assert found == wanted, f"found {found}, wanted {wanted}"

    def _top(self) -> list[tuple[str, int]]:
        values = [
            {shown(one) for one in self._asked.field(line, self._asked.fields[0])}
            for line in self._lines
        ]
        counts = Counter(value for some in values for value in some)
        return sorted(counts.items(), key=lambda one: (-one[1], one[0]))

    def _buckets(self, every: float) -> dict[float, tuple[int, Counter[str]]]:
        found: dict[float, tuple[int, Counter[str]]] = {}
        size = round(every * 10**6)
        for line in self._lines:
            start = line.moment // size * size / 1e6
            before, levels = found.get(start, (0, Counter()))
            found[start] = before + 1, levels + Counter([line.level] if line.level else [])
        return found

    def _sorted(self) -> list[int]:
        sign, [name] = 1 if self._asked.ascending else -1, self._asked.fields
        values = [number_in(name, self._asked.field(line, name)) for line in self._lines]
        known = zip(values, self._numbers, strict=True)
        return [
            number
            for _, number in sorted(
                (sign * one, number) for one, number in known if one is not None
            )
        ]

    def _check_patterns(self, found: Answer) -> None:
        """Every line has one, of its level; and which they are depends on no form and no engine."""
        if self._asked.limit is None or len(found) < self._asked.limit:
            counts: Counter[str] = Counter()
            for _, _, level, lines, _ in found:
                counts[level] += lines
            assert counts == Counter(line.level or "" for line in self._lines)


def nearly(cell: Any) -> Any:
    return pytest.approx(cell, rel=1e-9) if isinstance(cell, float) else cell


@pytest.mark.minutes(3)
@settings(more(0.4), derandomize=not NEW, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 2**32 - 1))
def test_a_reader_of_some_lines_gets_the_answers_of_a_store_without_the_others(seed):
    random = Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="questions.") as home,
        patch.object(json_fields, "without_orjson", 40),
        columns_for_few_frames(),
    ):
        _ask_as_reader(random, Path(home))


def _ask_as_reader(random: Random, home: Path) -> None:
    lines = random_lines(random, random.randrange(8, 60))
    only, is_seen = _condition_on_some(random, lines)
    seen = [number for number, line in enumerate(lines) if is_seen(line)]
    names = {number: index for index, number in enumerate(seen)}
    api = Api(home)
    token = home / "token"
    token.write_text("t0ken")
    api.apply(reader=(ReaderSettings(name="ann", token_file=token, only=only),))
    api.headers = {"Authorization": "Bearer t0ken"}
    stores: dict[str, Store] = {}
    # Questions about hidden lines, too.
    asker = Asker(random, lines, ANSWERS)
    for _ in range(QUESTIONS):
        asked: Question = asker.question()
        checks = Checks(asked, [lines[number] for number in seen])
        for form in random.sample(list(FORMS), 3):
            if form not in stores:
                made = make_form(form, home / form, lines, random)
                # A position that is not there would be one of a hidden line.
                numbers = {at: names[n] for at, n in made.numbers.items() if n in names}
                stores[form] = attrs.evolve(made, numbers=numbers)
            off = random.sample(list(SWITCHES), random.choice([0, 1, 1, 2]))
            with ExitStack() as switched, suppress(Unsaid):
                for name in off:
                    switched.enter_context(SWITCHES[name]())
                if asked.compare and form == "damaged":
                    raise Unsaid
                try:
                    checks.check(api(stores[form], asked), is_ordered=True)
                except BaseException as error:
                    error.add_note(f"only {only!r}; {form}, without {off}: {asked}")
                    raise


def _condition_on_some(random: Random, lines: Sequence[Line]) -> tuple[str, Callable[[Line], bool]]:
    """Return a condition that some lines fulfil, and the function that tells whether a line does."""
    asker = Asker(random, lines)
    for _ in range(30):
        only, is_seen = asker.condition()
        if only.strip() and parse(only) != EVERYTHING and any(map(is_seen, lines)):
            return only, is_seen
    return "level=*", lambda line: line.level is not None
