"""What a release promised still holds: docs/compatibility.md."""

from pathlib import Path

import pytest

from tests.release.promised import OLD_FORMS, broken_promises, promised_names

COMPATIBILITY = (Path(__file__).parents[2] / "docs/compatibility.md").read_text()
KEPT = sorted((Path(__file__).parent.parent / "corpus/promised").glob("*.txt"))


@pytest.mark.slow
@pytest.mark.parametrize("release", KEPT, ids=lambda path: path.stem)
def test_every_name_of_an_earlier_release_is_still_there(release):
    """Options, commands, metrics, requests, words of queries, and what plugins import."""
    assert broken_promises(release.read_text().splitlines(), promised_names()) == []


def test_an_old_form_is_as_good_as_the_new_one():
    """Its own tests say that it is accepted; a line that no old form names still breaks the promise."""
    for old, new in OLD_FORMS.items():
        assert broken_promises([old], [new]) == []
        assert broken_promises([old], []) == [old]
        owner = old.partition("(")[0].removesuffix(".place").rpartition(".")[2]
        assert f"`{owner}`" in COMPATIBILITY or f".{owner}`" in COMPATIBILITY


@pytest.mark.parametrize(
    ("kept", "today"),
    [
        ("twistd greet --stay, default off", "twistd greet --stay, default on"),
        ("metric logsrv_x_total counter by listener", "metric logsrv_x_total counter"),
        ("logsrv.kit.f(a)", "logsrv.kit.f(a, b)"),
        ("logsrv.kit.f(a, b=1)", "logsrv.kit.f(a, c=1)"),
        ("logsrv.kit.f(a)", "logsrv.kit.g(a)"),
        ("logsrv.kit.f(a, **how)", "logsrv.kit.f(a, b=1)"),
        ("GET /api/search query q", "GET /api/search query query"),
        ("exit status logsrv usage 2", "exit status logsrv usage 3"),
        ("answer /api/patterns forgotten number", "answer /api/patterns forgot number"),
        ("answer /api/top total number", "answer /api/top total string"),
        ("answer /api/top total number", "answer /api/top total number, not always"),
        ("answer /api/top total number", "answer /api/top total number | null"),
        ('answer /api/x as "a" | "b"', 'answer /api/x as "a" | "c"'),
    ],
)
def test_a_name_that_changed_is_a_broken_promise(kept, today):
    assert broken_promises([kept], [today]) == [kept]


@pytest.mark.parametrize(
    ("kept", "today"),
    [
        ("logsrv.kit.f(a)", "logsrv.kit.f(a, b=None)"),
        ("logsrv.kit.f(a, b=1)", "logsrv.kit.f(a, b=1, *, c=2)"),
        ("logsrv.kit.f()", "logsrv.kit.f()"),
        ("logsrv.kit.f()", "logsrv.kit.f(a=1)"),
        ("logsrv.kit.f(*a, b=1, **how)", "logsrv.kit.f(*a, b=1, c=b'', **how)"),
    ],
)
def test_a_further_argument_with_a_default_breaks_nothing(kept, today):
    assert broken_promises([kept], [today, "GET /api/new"]) == []


@pytest.mark.slow
def test_the_names_have_exit_statuses_and_members_of_answers_at_any_depth():
    assert {
        "exit status logsrv usage 2",
        "exit status gopher time-out 6",
        "answer /api/patterns forgotten number",
        "answer /api/saved boards[].panels[].search string",
        "answer /api/alerts alerts[].last object | null",
        "answer /api/alerts alerts[].last.begin string",
    } <= set(promised_names())


@pytest.mark.parametrize(
    ("kept", "today"),
    [
        ("answer /api/x a string, not always", "answer /api/x a string"),
        ('answer /api/x a "b" | "c"', 'answer /api/x a "c" | "b" | "d"'),
    ],
)
def test_an_answer_may_say_more(kept, today):
    assert broken_promises([kept], [today, "answer /api/x more string"]) == []
