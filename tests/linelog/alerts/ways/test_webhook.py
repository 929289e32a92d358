"""The webhook that gets an alert: the bodies, and what may be posted again later, what not."""

import re
import ssl
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import Episode, EpisodeMessage
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.ways.delivery import AlertMessage, make_deliver
from logsrv.linelog.alerts.ways.webhook import loggable_part, post_message
from logsrv.linelog.alerts.windows import OTHERS, Key
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.store.segment import Position
from tests.parts.certificates import certificate_file
from tests.parts.http_servers import hook
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR, until
from tests.parts.stores import BEGIN, line
from tests.parts.strangers import endless, stranger

CONDITION = "oops | count > 100 in 5m by app,http.status"


async def failure(url: str, seconds: float = PATIENCE) -> str:
    with pytest.raises(UndeliveredMessage) as caught:
        await post_message(url, b"{}", reactor=REACTOR, seconds=seconds)
    return str(caught.value)


async def test_an_alert_is_posted_once_as_json():
    with hook(204, body=b"") as server:
        await post_message(f"http://127.0.0.1:{server.port}/a?b", b'{"x": 1}', reactor=REACTOR)
    [(path, headers, body)] = server.posts
    assert (path, body) == ("/a?b", {"x": 1})
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("logsrv/")


@pytest.mark.parametrize("status", [500, 503, 408, 425, 429])
async def test_a_server_in_trouble_may_accept_it_later(status):
    with hook(status) as server, pytest.raises(TemporaryFailure):
        await post_message(f"http://127.0.0.1:{server.port}/", b"{}", reactor=REACTOR)
    assert len(server.posts) == 1


async def test_the_secret_path_is_not_in_the_message_of_a_failure():
    with hook(500) as server:
        said = await failure(f"http://127.0.0.1:{server.port}/secret")
    assert said == f"http://127.0.0.1:{server.port} answered with status 500"
    assert loggable_part("https://x:8/secret?y") == "https://x:8"


async def test_a_refused_post_is_not_repeated():
    with hook(404) as server:
        assert (await failure(f"http://127.0.0.1:{server.port}/")).endswith("status 404")
    assert len(server.posts) == 1


async def test_a_redirect_is_not_followed():
    with hook() as other:
        there = f"http://127.0.0.1:{other.port}/"
        with hook(307, headers={"Location": there}) as server:
            assert "redirect, which is not followed" in await failure(
                f"http://127.0.0.1:{server.port}/"
            )
    assert len(server.posts) == 1 and other.posts == []


async def test_a_server_that_does_not_answer_is_waited_for_so_long_only():
    with hook() as server:
        server.silent.set()
        said = await failure(f"http://127.0.0.1:{server.port}/", seconds=0.2)
    assert said.endswith("did not answer within 0.2 s") and len(server.posts) == 1


async def test_an_answer_without_end_is_not_read_to_its_end():
    with hook(body=b"x" * 50_000_000) as server:
        await post_message(f"http://127.0.0.1:{server.port}/", b"{}", reactor=REACTOR)


async def test_an_answer_is_received_to_its_end():
    """Some servers log an error if the connection ends before that."""
    sent = threading.Event()

    def answer(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"
        sent.wait(PATIENCE)
        yield b"k"

    with stranger(answer) as server:
        posting = Deferred.fromCoroutine(post_message(server.url, b"{}", reactor=REACTOR))
        await until(lambda: server.said > 0, "the first half of the answer")
        for _ in range(100):
            await deferLater(REACTOR, 0)
        assert not posting.called
        sent.set()
        await posting


async def test_a_port_without_a_server_is_an_error():
    port = free_port()
    assert "cannot be reached: Connection was refused" in await failure(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("answer", [b"\0\1x\r\n\r\n", b"HTTP/1.1 200 OK\r\nwrong\r\n\r\n"])
async def test_an_answer_that_is_not_http_is_named_so(answer):
    with stranger(lambda _: [answer]) as server:
        assert await failure(server.url) == f"{server.url} does not answer in HTTP"


async def test_cancelling_ends_the_post():
    with hook() as server:
        server.silent.set()
        posting = Deferred.fromCoroutine(
            post_message(f"http://127.0.0.1:{server.port}/", b"{}", reactor=REACTOR)
        )
        await until(lambda: server.posts, "the request")
        posting.cancel()
        with pytest.raises(CancelledError):
            await posting
    assert len(server.posts) == 1


async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path, monkeypatch):
    pem = certificate_file(tmp_path / "pem", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with hook(tls=context) as server:
        url = f"https://localhost:{server.port}/"
        said = await failure(url)
        assert "cannot be reached: TLS: " in said and "certificate verify failed" in said
        assert server.posts == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        await post_message(url, b"{}", reactor=REACTOR)
        assert len(server.posts) == 1


async def test_an_endless_head_is_told_and_takes_no_memory():
    header = b"X-Name: %b\r\n" % (b"a" * 16_000)
    with stranger(endless(header, b"HTTP/1.1 200 OK\r\n")) as server:
        said = await failure(server.url)
    assert said == f"{server.url}: the head of its answer is larger than 128 KiB"
    assert server.said < 64 << 20


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
    evil = Episode(("<!channel> @all & ``` `x`", "500"), BEGIN, (142.0,))
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
    firing = Episode(("shop", "500"), BEGIN, (142.0,))
    resolved = Episode(("pay", "503"), BEGIN, (0.0,), BEGIN + 600)
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
    sent = EpisodeMessage((Episode(("evil", "evil"), BEGIN, (0.0,)),), BEGIN)
    [one] = await posted(text, "alertmanager", sent, name="web")
    assert one["labels"]["alertname"] == "web" and one["labels"]["server"] != "evil"
    assert one["labels"]["field_server"] == one["labels"]["field_alertname"] == "evil"


async def test_alertmanager_and_a_chat_get_no_control_characters_of_lines():
    evil = Episode(("a\n\x1b[2J\u202e<!channel>", "<@U1>|x\u2028"), BEGIN, (142.0,))
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
