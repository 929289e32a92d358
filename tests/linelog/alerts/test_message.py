"""What people and programs get of an alert: count, times, the first lines, nothing that drives anything."""

import json as standard

import attrs

from logsrv.linelog.alerts import message
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position
from tests.parts.stores import line

ALERT = AlertSettings(alert="oops", name="web", alert_command=("x",))


def counted(*messages: str | bytes, count: int = 0, gap: bool = False) -> MatchCount:
    hits = tuple(Hit(Position(1, 7), line(one).rstrip(b"\n")) for one in messages)
    return MatchCount(count=count or len(hits), first=hits, since="SINCE", until="UNTIL", gap=gap)


def test_the_text_says_what_how_many_since_when_and_the_first_lines():
    assert message.message_of_lines(
        ALERT, counted("oops 1", "oops 2", count=4314), "web1"
    ).text() == (
        "4,314 lines match oops\n"
        "server: web1\n"
        "alert: web\n"
        "since: SINCE\n"
        "until: UNTIL\n"
        "\n"
        "2026-11-20T06:00:00.000000Z tcp:127.0.0.1:51234 oops 1\n"
        "2026-11-20T06:00:00.000000Z tcp:127.0.0.1:51234 oops 2\n"
        "and 4,312 more\n"
    )


def test_a_message_of_one_line_says_line_and_a_test_says_so():
    text = message.message_of_lines(ALERT, counted("oops"), "web1", test=True).text()
    assert text.startswith("1 line matches oops\n") and message.TEST in text and "more" not in text


def test_a_message_says_that_lines_are_missing():
    assert message.GAP in message.message_of_lines(ALERT, counted("x", gap=True), "web1").text()
    assert (
        standard.loads(message.message_of_lines(ALERT, counted("x", gap=True), "web1").json)["gap"]
        is True
    )


def test_nothing_in_the_text_drives_a_terminal_and_long_lines_are_cut():
    text = message.message_of_lines(ALERT, counted(b"\x1b[31m\xff\r", "x" * 5000), "web1").text()
    assert "\x1b" not in text and "\r" not in text and "\\x1b[31m\\xff" in text
    assert max(map(len, text.splitlines())) == message.LONGEST


def test_the_json_has_lines_as_search_gives_them():
    found = standard.loads(
        message.message_of_lines(ALERT, counted("level=error status=500 oops"), "web1").json
    )
    [shown] = found.pop("lines")
    assert found == {
        "query": "oops", "count": 1, "server": "web1", "since": "SINCE", "until": "UNTIL", "name": "web",
    }  # fmt: skip
    assert (shown["position"], shown["level"], shown["fields"]["status"]) == (
        "1:7", "error", "500",
    )  # fmt: skip


def test_the_variables_have_nothing_of_the_lines():
    assert message.message_of_lines(ALERT, counted("oops", count=3), "web1").variables == {
        "LOGSRV_ALERT_QUERY": "oops",
        "LOGSRV_ALERT_COUNT": "3",
        "LOGSRV_ALERT_SERVER": "web1",
        "LOGSRV_ALERT_NAME": "web",
    }


def test_a_link_leads_to_the_lines_on_the_page():
    """It has their time up to the last of them, which the page would leave out."""
    since, until = "2026-11-20T06:00:00.000000Z", "2026-11-20T06:00:09.999999Z"
    alert = AlertSettings(
        alert='level>=error "a & b"', alert_command=("x",), alert_page="https://logs.example/x/"
    )
    found = attrs.evolve(counted("x"), since=since, until=until)
    page = (
        "https://logs.example/x/?q=level%3E%3Derror+%22a+%26+b%22"
        f"&since={since}&until=2026-11-20T06:00:10.000999Z"
    )
    assert f"\npage: {page}\n" in message.message_of_lines(alert, found, "web1").text()
    assert standard.loads(message.message_of_lines(alert, found, "web1").json)["page"] == page
    assert message.message_of_lines(alert, found, "web1").variables["LOGSRV_ALERT_PAGE"] == page
    assert (
        "since"
        not in message.message_of_lines(alert, MatchCount(), "web1").variables["LOGSRV_ALERT_PAGE"]
    )
