"""Bodies for chats and Alertmanager, as a server gets and checks them."""

import re
import sys
from datetime import datetime
from typing import Any

from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.delivery import AlertMessage, make_deliver
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.windows import OTHERS, Key
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segment import Position
from tests.parts.http_servers import hook
from tests.parts.reactor import REACTOR
from tests.parts.stores import BEGIN, line

CONDITION = "oops | count > 100 in 5m by app,http.status"


async def posted(text: str, format: str, sent: AlertMessage, **options: Any) -> Any:
    """The JSON that a web server gets, which is posted with its type."""
    with hook() as web:
        alert = AlertSettings(
            alert=text,
            alert_webhook=f"http://127.0.0.1:{web.port}/api/v2/alerts",
            alert_format=format,
            alert_page="https://logs.example.net/",
            **options,
        )
        await make_deliver(REACTOR)("webhook", alert, sent)
    [(_, headers, body)] = web.posts
    assert headers["Content-Type"] == "application/json"
    return body


def lines(*messages: str) -> MatchCount:
    hits = tuple(Hit(Position(1, 7), line(one).rstrip(b"\n")) for one in messages)
    time = "2026-11-20T06:00:00.000000Z"
    return MatchCount(count=len(hits), first=hits, since=time, until=time)


async def test_a_chat_gets_text_that_mentions_nobody_and_a_link():
    evil = Episode(("<!channel> @all & ``` `x`", "500"), BEGIN, 142.0)
    body = await posted(CONDITION, "slack", EpisodeMessage((evil,), BEGIN))
    assert list(body) == ["text"]
    first, link, *code = body["text"].split("\n")
    assert first == "`firing: oops | count &gt; 100 in 5m by app,http.status`"
    assert re.fullmatch(
        r"<https://logs\.example\.net/\?q=[^ <>|]*&amp;since=[^ <>|]*\|logsrv>", link
    )
    assert code[0] == code[-1] == "```"
    assert (
        "firing app=\"&lt;!channel&gt; @all &amp; ''' `x`\" http.status=500: count 142 since"
        in code[-2]
    )
    # Outside of the code there is nothing of the lines.
    assert not re.search("[<&]!|@", first + link.replace("&amp;", ""))


async def test_a_chat_gets_the_lines_of_an_alert_without_a_condition():
    body = await posted("oops", "slack", lines("oops <b>", "oops 2", *["x" * 5000] * 3))
    assert body["text"].startswith("`5 lines match oops`\n<https://logs.example.net/?q=oops&amp;")
    assert "oops &lt;b&gt;\n" in body["text"] and len(body["text"]) < 5000
    assert body["text"].endswith("\n```")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_alertmanager_gets_an_alert_for_each_group():
    firing = Episode(("shop", "500"), BEGIN, 142.0)
    resolved = Episode(("pay", "503"), BEGIN, 0.0, BEGIN + 600)
    sent = EpisodeMessage((firing, resolved), BEGIN + 700)
    one, two = await posted(CONDITION, "alertmanager", sent, name="web", alert_every=60)
    server = one["labels"].pop("server")
    assert server and one["labels"] == {"alertname": "web", "app": "shop", "http_status": "500"}
    assert one["annotations"]["query"] == CONDITION and one["annotations"]["value"] == "142"
    assert one["annotations"]["summary"].startswith("firing app=shop http.status=500: count 142")
    assert one["generatorURL"].startswith("https://logs.example.net/?q=%28oops%29+app%3Dshop")
    # Without repetitions Alertmanager takes it as resolved after a window and four of them.
    assert moment(one["startsAt"]) == BEGIN and moment(one["endsAt"]) == BEGIN + 700 + 300 + 240
    assert moment(two["endsAt"]) == BEGIN + 600 and two["annotations"]["value"] == "0"


async def test_alertmanager_gets_the_lines_of_an_alert_without_a_condition():
    [one] = await posted("oops", "alertmanager", lines("oops 1", "oops 2"), alert_every=60)
    assert one["labels"]["alertname"] == "oops"
    assert one["annotations"]["summary"] == "2 lines match oops"
    assert one["annotations"]["line"].endswith(" oops 1")
    assert moment(one["startsAt"]) == BEGIN and moment(one["endsAt"]) == BEGIN + 60
    [none] = await posted("oops", "alertmanager", MatchCount())
    assert "startsAt" not in none


async def test_a_field_named_as_a_label_of_ours_does_not_replace_it():
    text = "| none in 5m by server,alertname"
    sent = EpisodeMessage((Episode(("evil", "evil"), BEGIN, 0.0),), BEGIN)
    [one] = await posted(text, "alertmanager", sent, name="web")
    assert one["labels"]["alertname"] == "web" and one["labels"]["server"] != "evil"
    assert one["labels"]["field_server"] == one["labels"]["field_alertname"] == "evil"


async def test_alertmanager_and_a_chat_get_no_control_characters_of_lines():
    evil = Episode(("a\n\x1b[2J\u202e<!channel>", "<@U1>|x\u2028"), BEGIN, 142.0)
    sent = EpisodeMessage((evil,), BEGIN)
    [one] = await posted(CONDITION, "alertmanager", sent)
    chat = await posted(CONDITION, "slack", sent)
    assert one["labels"]["app"] == r"a\x0a\x1b[2J\u202e<!channel>"
    assert r'app="a\x0a\x1b[2J\u202e<!channel>"' in one["annotations"]["summary"]
    texts = [*one["labels"].values(), *one["annotations"].values()]
    assert all(text.isprintable() for text in (*texts, chat["text"].replace("\n", "")))
    assert "<!" not in chat["text"] and "<@" not in chat["text"]
    [one] = await posted("oops", "alertmanager", lines("oops \x1b[2J\u202e", "x"))
    assert one["annotations"]["line"].endswith(r"oops \x1b[2J\u202e")
    [one] = await posted("oops", "alertmanager", lines("x" * 9999))
    assert len(one["annotations"]["line"]) == 4000


async def test_alertmanager_knows_missing_fields_and_other_groups_from_values():
    keys: list[Key] = [(None,), ("(none)",), ("(other groups)",), OTHERS]
    sent = EpisodeMessage(tuple(Episode(key, BEGIN) for key in keys), BEGIN, is_removed=True)
    found = await posted("| count > 1 in 5m by app", "alertmanager", sent)
    ours = ("alertname", "server")
    assert [
        {name: text for name, text in one["labels"].items() if name not in ours} for one in found
    ] == [{}, {"app": "(none)"}, {"app": "(other groups)"}, {"other_groups": "true"}]
    assert [one["annotations"]["summary"].split(":")[0] for one in found] == [
        "firing app=(none)",
        'firing app="(none)"',
        'firing app="(other groups)"',
        "firing (other groups)",
    ]
    assert found[0]["annotations"]["reason"].startswith("The alert was removed or changed")


async def test_a_message_goes_to_the_command_and_to_the_webhook(tmp_path):
    code = f"import os; open('{tmp_path}/out', 'w').write(os.environ['LOGSRV_ALERT_QUERY'])"
    with hook() as web:
        alert = AlertSettings(
            alert="oops",
            alert_command=(sys.executable, "-c", code),
            alert_webhook=f"http://127.0.0.1:{web.port}/",
        )
        deliver = make_deliver(REACTOR, test=True)
        for way in alert.ways:
            await deliver(way, alert, MatchCount())
    assert (tmp_path / "out").read_text() == "oops"
    [(_, _, body)] = web.posts
    assert body["test"] is True
