"""Answers of servers: taken, later, smaller, never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.http_client import (
    LONGEST_PAUSE,
    HttpAnswer,
    parse_retry_after,
    raise_unless_success,
)
from logsrv.linelog.ship.target import RefusedForGood, TooMuchAtOnce, Unavailable

NOW = 1_800_000_000.0


def judged(status: int, body: bytes = b"", **headers: str) -> LogsrvError | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        raise_unless_success(HttpAnswer(status, named, body), "https://centre", NOW)
    except LogsrvError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("status", "kind", "settled"),
    [
        (400, RefusedForGood, None),
        (422, RefusedForGood, None),
        (413, TooMuchAtOnce, None),
        (408, Unavailable, False),
        (425, Unavailable, False),
        (429, Unavailable, False),
        (500, Unavailable, False),
        (503, Unavailable, False),
        (599, Unavailable, False),
        (301, Unavailable, True),
        (401, Unavailable, True),
        (403, Unavailable, True),
        (404, Unavailable, True),
        (418, Unavailable, True),
    ],
)
def test_a_status_means_one_thing(status, kind, settled):
    error = judged(status)
    assert type(error) is kind
    assert f"https://centre answered with {status}" in str(error)
    assert getattr(error, "settled", None) is settled


def test_a_status_of_success_raises_nothing():
    assert judged(200) is None
    assert judged(204) is None
    raise_unless_success(HttpAnswer(409, {}), "x", NOW, accepted=(409,))
    with pytest.raises(Unavailable, match="broke off or is too long"):
        raise_unless_success(HttpAnswer(200, {}, whole=False), "x", NOW)


def test_what_a_server_says_is_shown_in_one_safe_line():
    said = judged(400, b"no\x1b[31m such\nlabel" + 500 * b"x", content_type="text/plain; charset=x")
    assert r"no\x1b[31m such\x0alabel" in str(said)
    assert len(str(said)) < 300
    assert "<b>" not in str(judged(400, b"<b>", content_type="text/html"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("86400", LONGEST_PAUSE),
        ("Fri, 15 Jan 2027 08:00:20 GMT", 20.0),
        ("Fri, 15 Jan 2027 08:00:20", 20.0),
        ("Fri, 15 Jan 2017 08:00:20 GMT", 0.0),
        ("Fri, 15 Jan 9999 08:00:20 GMT", LONGEST_PAUSE),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1e9", None),
    ],
)
def test_retry_after_gives_the_pause(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
    error = judged(503, retry_after=text)
    assert isinstance(error, Unavailable)
    assert error.after == seconds


@given(st.integers(100, 999), st.binary(max_size=50))
def test_any_answer_raises_only_errors_of_a_target(status, body):
    error = judged(status, body, content_type="text/plain")
    assert (error is None) == (200 <= status < 300)
    assert error is None or one_line(str(error)) == str(error)
