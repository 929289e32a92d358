"""What a release promised still holds: docs/compatibility.md."""

from pathlib import Path

import pytest

from tests.release.promised import broken_promises, promised_names

KEPT = sorted((Path(__file__).parent.parent / "corpus/promised").glob("*.txt"))


@pytest.mark.slow
@pytest.mark.parametrize("release", KEPT, ids=lambda path: path.stem)
def test_every_name_of_an_earlier_release_is_still_there(release):
    """Options, commands, metrics, requests, words of queries, and what plugins import."""
    assert broken_promises(release.read_text().splitlines(), promised_names()) == []


@pytest.mark.parametrize(
    ("kept", "today"),
    [
        ("twistd greet --stay, default off", "twistd greet --stay, default on"),
        ("metric logsrv_x_total counter by listener", "metric logsrv_x_total counter"),
        ("logsrv.kit.f(a)", "logsrv.kit.f(a, b)"),
        ("logsrv.kit.f(a, b=1)", "logsrv.kit.f(a, c=1)"),
        ("logsrv.kit.f(a)", "logsrv.kit.g(a)"),
        ("GET /api/search query q", "GET /api/search query query"),
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
    ],
)
def test_a_further_argument_with_a_default_breaks_nothing(kept, today):
    assert broken_promises([kept], [today, "GET /api/new"]) == []
