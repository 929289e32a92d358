"""A reader who may see only some lines gets the answers of a store that has no others."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from unittest.mock import patch

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from logsrv.errors import QueryError
from logsrv.linelog.fields.forms.json import one as json_fields
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING, all_of
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.only import parse_only, restricted, restricted_matcher
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position
from tests.leaks import killed
from tests.linelog.questions.asking import ANSWERS, Asker, Question
from tests.linelog.questions.engines import SWITCHES, Api, Unsaid
from tests.linelog.questions.forms import FORMS, Store, make_form
from tests.linelog.questions.lines import Line, random_lines
from tests.linelog.questions.test_any_question import NEW, Checks
from tests.parts.examples import more
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import lines as stored_lines
from tests.parts.stores import make_store, view_of

QUESTIONS = 6
TOKEN = "t0ken"


@pytest.mark.minutes(3)
@settings(more(0.4), derandomize=not NEW, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 2**32 - 1))
def test_a_reader_of_some_lines_gets_the_answers_of_a_store_without_the_others(seed):
    random = Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="only.") as home,
        patch.object(json_fields, "without_orjson", 40),
        columns_for_few_frames(),
        killed(),
    ):
        _ask(random, Path(home))


def _ask(random: Random, home: Path) -> None:
    lines = random_lines(random, random.randrange(8, 60))
    only, is_seen = _condition(random, lines)
    seen = [number for number, line in enumerate(lines) if is_seen(line)]
    names = {number: index for index, number in enumerate(seen)}
    api = Api(home)
    token = home / "token"
    token.write_text(TOKEN)
    api.apply(reader=(ReaderSettings(name="ann", token_file=token, only=only),))
    api.headers = {"Authorization": f"Bearer {TOKEN}"}
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


def _condition(random: Random, lines: Sequence[Line]) -> tuple[str, Callable[[Line], bool]]:
    """Return a condition that some lines fulfil, and the function that tells whether a line does."""
    asker = Asker(random, lines)
    for _ in range(30):
        only, is_seen = asker.condition()
        if only.strip() and parse(only) != EVERYTHING and any(map(is_seen, lines)):
            return only, is_seen
    return "level=*", lambda line: line.level is not None


def test_a_condition_is_part_of_each_query_once():
    only = parse("app=web")
    node = restricted(parse("error user=ann"), only)
    assert node == all_of((only, *parse("error user=ann").parts))  # type: ignore[union-attr]
    assert restricted(node, only) is node
    within = all_of((node, parse("timeout")))
    assert restricted(within, only) is within
    assert restricted(parse("app=web"), only) == only
    assert restricted(EVERYTHING, only) == only
    matcher = make_matcher(parse("x"))
    assert restricted_matcher(matcher, None) is matcher


@pytest.mark.parametrize("text", [" ", "()", "app=web | count", "(app=web"])
def test_a_text_that_is_no_condition_is_refused(text):
    """Only "" stands for all lines, so that no mistake opens them."""
    with pytest.raises(QueryError):
        parse_only(text)
    assert parse_only("") is None


def test_whatever_reads_past_the_condition_fails(tmp_path):
    store = make_store(tmp_path / "store", [stored_lines(["n=1 app=web", "n=2 app=api"])])
    with view_of(store) as view:
        view.only = parse_only("app=web")
        number = view.segments[-1].number
        for read in (
            lambda: view.open_segment(number),
            lambda: Follower(view, Position(number, 0)),
        ):
            with pytest.raises(RuntimeError, match=r"some lines|only some"):
                read()


def test_lines_that_a_reader_may_not_see_are_not_there(tmp_path):
    messages = ["n=1 app=web", "n=2 app=api", "n=3 app=web", "n=4 app=api"]
    store = make_store(tmp_path / "store", [stored_lines(messages)])
    with view_of(store) as view:
        every = list(StoredLines(view).lines_from(Position(0, 0)))
        view.only = parse_only("app=web")
        lines = StoredLines(view)
        assert [hit.line[-9:-8] for hit in lines.lines_from(Position(0, 0))] == [b"1", b"3"]
        assert lines.line_at(every[1].position) is None
        found = lines.line_at(every[2].position)
        assert found is not None
        assert [hit.line[-9:-8] for hit in lines.lines_around(found, 5, 5)] == [b"1", b"3"]
        lines.close()
