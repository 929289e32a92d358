"""What people and programs get of an alert and of its episodes, with nothing in it that drives anything."""

import json as standard
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from logsrv.linelog.alerts import message
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.message import Message, message_of_episodes, message_of_lines
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.windows import OTHERS
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.store.segment import Position
from tests.parts.stores import BEGIN, line

ALERT = AlertSettings(alert="oops", name="web", alert_command=("x",))


def counted(*messages: str | bytes, count: int = 0, gap: bool = False) -> MatchCount:
    hits = tuple(Hit(Position(1, 7), line(one).rstrip(b"\n")) for one in messages)
    return MatchCount(count=count or len(hits), first=hits, since="SINCE", until="UNTIL", gap=gap)


def of_lines(*messages: str | bytes, test: bool = False, **how: Any) -> Message:
    """A message about lines."""
    return message_of_lines(ALERT, counted(*messages, **how), "web1", test=test)


def test_the_text_says_what_how_many_since_when_and_the_first_lines():
    assert of_lines("oops 1", "oops 2", count=4314).text() == (
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
    text = of_lines("oops", test=True).text()
    assert text.startswith("1 line matches oops\n") and "more" not in text
    assert message.TEST_OF_LINES in text


def test_a_message_says_that_lines_are_missing():
    found = of_lines("x", gap=True)
    assert message.GAP in found.text() and standard.loads(found.json)["gap"] is True


def test_nothing_in_the_text_drives_a_terminal_and_long_lines_are_cut():
    text = of_lines(b"\x1b[31m\xff\r", "x" * 5000).text()
    assert "\x1b" not in text and "\r" not in text and "\\x1b[31m\\xff" in text
    assert max(map(len, text.splitlines())) == message.LONGEST


def test_the_json_has_lines_as_search_gives_them():
    found = standard.loads(of_lines("level=error status=500 oops").json)
    [shown] = found.pop("lines")
    assert found == {
        "query": "oops", "count": 1, "server": "web1", "since": "SINCE", "until": "UNTIL", "name": "web",
    }  # fmt: skip
    assert (shown["position"], shown["level"], shown["fields"]["status"]) == (
        "1:7", "error", "500",
    )  # fmt: skip


def test_the_variables_have_nothing_of_the_lines():
    assert of_lines("oops", count=3).variables == {
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
    made = message_of_lines(alert, found, "web1")
    assert f"\npage: {page}\n" in made.text() and standard.loads(made.json)["page"] == page
    assert made.variables["LOGSRV_ALERT_PAGE"] == page
    none = message_of_lines(alert, MatchCount(), "web1")
    assert "since" not in none.variables["LOGSRV_ALERT_PAGE"]


TEXT = "status>=500 OR oops | count > 100 in 5m by app"
FIRING = Episode(("shop",), BEGIN, (142.0,))
SINCE = "2026-11-20T06:00:00.000000Z"
RESOLVED = Episode(("pay",), BEGIN, (3.0,), BEGIN + 600)


def alert(text: str = TEXT) -> AlertSettings:
    return AlertSettings(
        alert=text, name="web", alert_command=("x",), alert_page="https://logs.example.net/"
    )


def of_episodes(*episodes: Episode, test: bool = False, **how: Any) -> Message:
    """A message about episodes."""
    return message_of_episodes(alert(), EpisodeMessage(episodes, BEGIN, **how), "web1", test=test)


def query_of(page: str | None) -> dict[str, str]:
    assert page is not None
    return {name: text for name, [text] in parse_qs(urlsplit(page).query).items()}


def test_the_text_says_which_groups_since_when_and_where_to_look():
    text = of_episodes(FIRING, RESOLVED).text()
    first, page, rest = text.partition("\npage: ")[0], text.split("\n")[3], text.split("\n")[4:]
    assert first.split("\n") == [f"firing: {TEXT}", "server: web1", "alert: web"]
    assert query_of(page) == {"q": "status>=500 OR oops", "since": "2026-11-20T05:55:00.000000Z"}
    assert rest == [
        "",
        "firing app=shop: count 142 since 2026-11-20T06:00:00.000000Z",
        f"resolved app=pay: count 3 since {SINCE} until 2026-11-20T06:10:00.000000Z",
        "",
    ]


def test_a_thousand_groups_are_twenty_and_a_number():
    many = of_episodes(*[FIRING] * 1000, test=True)
    text = many.text()
    assert text.endswith("\nand 980 more\n") and "This is a test by hand" in text
    assert len(standard.loads(many.json)["groups"]) == 1000


def test_nothing_of_a_group_drives_a_terminal_or_forges_a_line():
    text = of_episodes(Episode(("a\n\x1b[2J\u202e",), BEGIN)).text()
    assert 'firing app="a\\x0a\\x1b[2J\\u202e": since' in text


def test_a_message_says_how_many_episodes_were_dropped():
    found = of_episodes(FIRING, dropped=98_000)
    assert "98,000 episodes came and went that nobody is told of" in found.text()
    assert standard.loads(found.json)["dropped"] == 98_000


def test_the_json_has_condition_and_groups():
    sent = of_episodes(FIRING, RESOLVED, gap=True, left_out=True, test=True)
    found = standard.loads(sent.json)
    pages = [query_of(one.pop("page")) for one in found["groups"]]
    assert pages[1]["until"] == "2026-11-20T06:10:00.000000Z" and "until" not in pages[0]
    assert found.pop("page").startswith("https://logs.example.net/?q=")
    assert found == {
        "query": TEXT,
        "state": "firing",
        "server": "web1",
        "figure": "count",
        "operator": ">",
        "threshold": 100,
        "window": 300,
        "groups": [
            {"labels": {"app": "shop"}, "state": "firing", "value": 142, "since": SINCE},
            {
                "labels": {"app": "pay"},
                "state": "resolved",
                "value": 3,
                "since": SINCE,
                "until": pages[1]["until"],
            },
        ],
        "name": "web",
        "gap": True,
        "left_out": True,
        "test": True,
    }


SHARE = (
    "| count, count if (level>=error) as errors, p95 took_ms in 5m by app"
    " | let share = errors / count | where share > 0.05 p95_took_ms > 1.5s"
)


def test_a_message_of_several_figures_names_each_with_its_unit():
    """Those that are compared come first; a figure without numbers is left out of the text."""
    shop = Episode(("shop",), BEGIN, (0.25, 1812.5, 40, 10))
    pay = Episode(("pay",), BEGIN, (None, None, AtLeast(7), 0), BEGIN + 600)
    sent = EpisodeMessage((shop, pay), BEGIN)
    made = message_of_episodes(alert(SHARE), sent, "web1", test=False)
    assert made.text().split("\n")[-4:-1] == [
        "",
        f"firing app=shop: share 25 %, p95 took_ms 1812.5 ms, count 40, errors 10 since {SINCE}",
        f"resolved app=pay: count ≥ 7, errors 0 since {SINCE} until 2026-11-20T06:10:00.000000Z",
    ]
    found = standard.loads(made.json)
    assert (found["figure"], found["operator"], found["threshold"]) == ("share", ">", 0.05)
    first, second = found["groups"]
    assert first["value"] == 0.25 and second["value"] is None
    assert first["values"] == {"share": 0.25, "p95 took_ms": 1812.5, "count": 40, "errors": 10}
    assert second["values"] == {"share": None, "p95 took_ms": None, "count": 7, "errors": 0}


@pytest.mark.parametrize(
    ("text", "key", "query"),
    [
        (TEXT, ("shop",), "(status>=500 OR oops) app=shop"),
        (TEXT, ('a "b" \\',), r'(status>=500 OR oops) app="a \"b\" \\"'),
        (TEXT, ("*",), '(status>=500 OR oops) app="*"'),
        (TEXT, (None,), "(status>=500 OR oops) -app=*"),
        (TEXT, ("(none)",), '(status>=500 OR oops) app="(none)"'),
        (TEXT, OTHERS, "status>=500 OR oops"),
        ("| none in 5m by app", ("shop",), "app=shop"),
        (SHARE, ("shop",), "app=shop"),
        ('a | extract "<app>:" | none in 5m by app', ("x",), 'a | extract "<app>:" | where app=x'),
    ],
)
def test_the_link_of_a_group_is_a_query_for_its_lines(text, key, query):
    page = query_of(message.page_of_episode(alert(text), Episode(key, BEGIN)))
    assert page["q"] == query
    parse_question(query)


def test_the_variables_have_nothing_of_the_groups():
    found = of_episodes(RESOLVED, RESOLVED).variables
    assert found.pop("LOGSRV_ALERT_PAGE").startswith("https://logs.example.net/")
    assert found == {
        "LOGSRV_ALERT_QUERY": TEXT,
        "LOGSRV_ALERT_COUNT": "2",
        "LOGSRV_ALERT_STATE": "resolved",
        "LOGSRV_ALERT_SERVER": "web1",
        "LOGSRV_ALERT_NAME": "web",
    }


def test_a_message_of_a_removed_alert_says_so_and_its_groups_are_told_apart():
    episodes = tuple(Episode(key, BEGIN, (1.0,), BEGIN) for key in ((None,), ("(none)",), OTHERS))
    sent = of_episodes(*episodes, is_removed=True)
    found = standard.loads(sent.json)
    assert found["removed"] is True and found["state"] == "resolved"
    assert [one["labels"] for one in found["groups"]] == [{"app": None}, {"app": "(none)"}, {}]
    text = sent.text()
    assert message.REMOVED in text
    shown = [one.split(":")[0] for one in text.splitlines() if one.startswith("resolved ")]
    assert shown == [
        "resolved app=(none)",
        'resolved app="(none)"',
        "resolved (other groups)",
    ]
