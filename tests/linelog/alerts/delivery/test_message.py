"""What people and programs get of an alert: count, times, the first lines, nothing that drives anything."""

from __future__ import annotations

import json as standard

from logsrv.linelog.alerts.delivery import message
from logsrv.linelog.alerts.settings import AlertSettings
from logsrv.linelog.alerts.tally import Counted
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.read.stores import line

ALERT = AlertSettings(alert="oops", name="web", alert_command=("x",))


def counted(*messages: str | bytes, count: int = 0, gap: bool = False) -> Counted:
    hits = tuple(Hit(Position(1, 7), line(one).rstrip(b"\n")) for one in messages)
    return Counted(count=count or len(hits), first=hits, since="SINCE", until="UNTIL", gap=gap)


def test_the_text_says_what_how_many_since_when_and_the_first_lines() -> None:
    assert message.text(ALERT, counted("oops 1", "oops 2", count=4314)).decode() == (
        "4,314 lines match oops\n"
        "alert: web\n"
        "since: SINCE\n"
        "until: UNTIL\n"
        "\n"
        "2026-11-20T06:00:00.000000Z tcp:127.0.0.1:51234 oops 1\n"
        "2026-11-20T06:00:00.000000Z tcp:127.0.0.1:51234 oops 2\n"
        "and 4,312 more\n"
    )


def test_one_line_is_not_lines_and_a_test_says_so() -> None:
    text = message.text(ALERT, counted("oops"), test=True).decode()
    assert text.startswith("1 line matches oops\n") and message.TEST in text and "more" not in text


def test_a_gap_is_said() -> None:
    assert message.GAP in message.text(ALERT, counted("x", gap=True)).decode()
    assert standard.loads(message.json(ALERT, counted("x", gap=True)))["gap"] is True


def test_nothing_in_the_text_drives_a_terminal_and_long_lines_are_cut() -> None:
    text = message.text(ALERT, counted(b"\x1b[31m\xff\r", "x" * 5000)).decode()
    assert "\x1b" not in text and "\r" not in text and "\\x1b[31m\\xff" in text
    assert max(map(len, text.splitlines())) == message.LONGEST


def test_the_json_has_lines_as_search_gives_them() -> None:
    found = standard.loads(message.json(ALERT, counted("level=error status=500 oops")))
    [shown] = found.pop("lines")
    assert found == {
        "query": "oops", "count": 1, "since": "SINCE", "until": "UNTIL", "name": "web",
    }  # fmt: skip
    assert (shown["position"], shown["level"], shown["fields"]["status"]) == (
        "1:7", "error", "500",
    )  # fmt: skip


def test_the_variables_have_nothing_of_the_lines() -> None:
    assert message.variables(ALERT, counted("oops", count=3)) == {
        "LOGSRV_ALERT_QUERY": "oops",
        "LOGSRV_ALERT_COUNT": "3",
        "LOGSRV_ALERT_NAME": "web",
    }
