"""What people and programs get of episodes: groups, figures, times, links, nothing that drives anything."""

import json as standard
from urllib.parse import parse_qs, urlsplit

import pytest

from logsrv.linelog.alerts import episode_message
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.windows import OTHERS
from logsrv.linelog.query.language.pipeline import parse_question
from tests.parts.stores import BEGIN

TEXT = "status>=500 OR oops | count > 100 in 5m by app"
FIRING = Episode(("shop",), BEGIN, 142.0)
SINCE = "2026-11-20T06:00:00.000000Z"
RESOLVED = Episode(("pay",), BEGIN, 3.0, BEGIN + 600)


def alert(text: str = TEXT) -> AlertSettings:
    return AlertSettings(
        alert=text, name="web", alert_command=("x",), alert_page="https://logs.example.net/"
    )


def message(*episodes: Episode) -> EpisodeMessage:
    return EpisodeMessage(episodes, BEGIN + 900)


def query_of(page: str | None) -> dict[str, str]:
    assert page is not None
    return {name: text for name, [text] in parse_qs(urlsplit(page).query).items()}


def test_the_text_says_which_groups_since_when_and_where_to_look():
    text = episode_message.message_of_episodes(alert(), message(FIRING, RESOLVED), "web1").text()
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
    many = message(*[FIRING] * 1000)
    text = episode_message.message_of_episodes(alert(), many, "web1", test=True).text()
    assert text.endswith("\nand 980 more\n") and "This is a test by hand" in text
    assert (
        len(standard.loads(episode_message.message_of_episodes(alert(), many, "x").json)["groups"])
        == 1000
    )


def test_nothing_of_a_group_drives_a_terminal_or_forges_a_line():
    evil = message(Episode(("a\n\x1b[2J\u202e",), BEGIN))
    text = episode_message.message_of_episodes(alert(), evil, "web1").text()
    assert 'firing app="a\\x0a\\x1b[2J\\u202e": since' in text


def test_a_message_says_how_many_episodes_were_dropped():
    sent = EpisodeMessage((FIRING,), BEGIN, dropped=98_000)
    found = episode_message.message_of_episodes(alert(), sent, "web1")
    assert "98,000 episodes came and went that nobody is told of" in found.text()
    assert standard.loads(found.json)["dropped"] == 98_000


def test_the_json_has_condition_and_groups():
    sent = EpisodeMessage((FIRING, RESOLVED), BEGIN, gap=True, left_out=True)
    found = standard.loads(
        episode_message.message_of_episodes(alert(), sent, "web1", test=True).json
    )
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
        ('a | extract "<app>:" | none in 5m by app', ("x",), 'a | extract "<app>:" | where app=x'),
    ],
)
def test_the_link_of_a_group_is_a_query_for_its_lines(text, key, query):
    page = query_of(episode_message.page_of_episode(alert(text), Episode(key, BEGIN)))
    assert page["q"] == query
    parse_question(query)


def test_the_variables_have_nothing_of_the_groups():
    sent = message(RESOLVED, RESOLVED)
    found = episode_message.message_of_episodes(alert(), sent, "web1").variables
    assert found.pop("LOGSRV_ALERT_PAGE").startswith("https://logs.example.net/")
    assert found == {
        "LOGSRV_ALERT_QUERY": TEXT,
        "LOGSRV_ALERT_COUNT": "2",
        "LOGSRV_ALERT_STATE": "resolved",
        "LOGSRV_ALERT_SERVER": "web1",
        "LOGSRV_ALERT_NAME": "web",
    }


def test_a_message_of_a_removed_alert_says_so_and_its_groups_are_told_apart():
    episodes = tuple(Episode(key, BEGIN, 1.0, BEGIN) for key in ((None,), ("(none)",), OTHERS))
    sent = EpisodeMessage(episodes, BEGIN, is_removed=True)
    found = standard.loads(episode_message.message_of_episodes(alert(), sent, "web1").json)
    assert found["removed"] is True and found["state"] == "resolved"
    assert [one["labels"] for one in found["groups"]] == [{"app": None}, {"app": "(none)"}, {}]
    text = episode_message.message_of_episodes(alert(), sent, "web1").text()
    assert episode_message.REMOVED in text
    shown = [one.split(":")[0] for one in text.splitlines() if one.startswith("resolved ")]
    assert shown == [
        "resolved app=(none)",
        'resolved app="(none)"',
        "resolved (other groups)",
    ]
