"""Requests to an HTTP Event Collector, in memory and to a real server."""

import base64
import gzip
import json
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.lines.bodies import RETRY_SECONDS
from tests.parts.commands import logsrv
from tests.parts.daemons import starting
from tests.parts.http_senders import Sender, refused
from tests.parts.programs import program

BASE = "/services/collector"
SUCCESS = {"text": "Success", "code": 0}
HTTP = "http:tcp:0:interface=127.0.0.1"
EVENT = b'{"event":"a"}'
# As a driver for logs of containers makes it.
DRIVER = (
    rb'{"event":{"line":"GET /?a=1\u0026b=2","source":"stdout","tag":"shop/1f"},'
    rb'"time":"1795155522.250000","host":"web1","source":"/run","sourcetype":"containers"}'
)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", EVENT),
        ("/event", EVENT),
        ("/event/1.0", EVENT),
        ("/raw", b"a"),
        ("/raw/1.0?host=h", b"a"),
    ],
)
def test_a_request_is_answered_when_its_records_are_safe(path, body):
    sender = Sender()
    sender.post(body, BASE + path)
    assert sender.sink.text.count(b"\n") == 1 and sender.answers() == []
    sender.sink.sync()
    assert sender.answers() == [(200, SUCCESS)]
    sender.post(body, BASE + path)
    sender.sink.sync("the disk is broken")
    assert sender.answers() == [(503, {"text": "Server is busy", "code": 9})]
    assert b"Retry-After: %d" % RETRY_SECONDS in sender.head


def ask(sender: Sender, body: bytes, path: str = "", **headers: str) -> tuple[int, Any]:
    """Return the answer to a request whose records are safe at once."""
    sender.post(body, BASE + path, **headers)
    sender.sink.sync()
    (answer,) = sender.answers()
    return answer


def test_an_id_of_a_request_with_a_channel_is_acknowledged():
    sender = Sender()
    other = Sender(sender)
    channel = {"X_Splunk_Request_Channel": "0aeeac95"}
    asked = b'{"acks":[0,1,2,-1]}'
    assert ask(sender, EVENT, **channel) == (200, {**SUCCESS, "ackId": 0})
    assert ask(other, b"a", "/raw?channel=b") == (200, {**SUCCESS, "ackId": 1})
    assert ask(sender, b'{"event":""}', **channel)[1].get("ackId") is None
    acks = {"0": True, "1": True, "2": False, "-1": False}
    assert ask(sender, asked, "/ack", **channel) == (200, {"acks": acks})
    assert ask(Sender(), asked, "/ack?channel=b")[1] == {"acks": dict.fromkeys(acks, False)}


def test_an_id_is_not_given_before_the_records_are_safe():
    sender = Sender()
    sender.post(EVENT, f"{BASE}?channel=a")
    sender.sink.sync("the disk is broken")
    assert [status for status, _ in sender.answers()] == [503]
    assert ask(sender, b'{"acks":[0]}', "/ack?channel=a") == (200, {"acks": {"0": False}})


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/ack", b'{"acks":[0]}', 400, 10),
        ("/ack?channel=a", b'{"acks":["0"]}', 400, 6),
        ("/ack?channel=a", b'{"ids":[0]}', 400, 6),
        ("/ack?channel=a", b"[", 400, 6),
        ("/ack?channel=a", b'{"acks":[%b0]}' % (b"0," * 200_000), 413, 27),
    ],
)
def test_a_wrong_question_about_ids_is_refused(path, body, status, code):
    answer = ask(Sender(), body, path)
    assert (answer[0], answer[1]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["", "/event", "/event/1.0", "/raw", "/raw/1.0"])
def test_senders_may_ask_for_options_first(path):
    sender = Sender()
    sender.post(b"", BASE + path, "OPTIONS")
    assert sender.answers() == [(200, None)] and b"Allow: POST" in sender.head


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(b"x:" + token.encode()).decode()


@pytest.mark.parametrize("path", ["", "/raw", "/ack?channel=a"])
def test_a_token_is_demanded(path):
    for good in ("Splunk secret", "splunk secret", basic("secret"), "Bearer secret"):
        body = b'{"acks":[]}' if "ack" in path else EVENT
        assert ask(Sender(input_token="secret"), body, path, Authorization=good)[0] == 200
    missing = (401, {"text": "Token is required", "code": 2})
    wrong = (403, {"text": "Invalid token", "code": 4})
    refusals = {"": missing, "secret": missing, "Splunk wrong": wrong, basic("wrong"): wrong}
    for bad, answer in refusals.items():
        sender = Sender(input_token="secret")
        assert ask(sender, EVENT, path, Authorization=bad) == answer
        assert sender.sink.text == b"" and refused(sender, "unauthorized") == 1


def test_a_probe_needs_no_token_and_the_wrong_method_is_told_as_such():
    sender = Sender(input_token="secret")
    sender.post(b"", f"{BASE}/health/1.0", "GET")
    sender.post(b"", f"{BASE}/event/1.0", "OPTIONS")
    assert [status for status, _ in sender.answers()] == [200, 200]
    sender.post(b"", f"{BASE}/event", "PUT", Authorization="Splunk secret")
    ((status, body),) = sender.answers()
    assert status == 405
    assert (body["code"], body["text"]) == (405, "Method Not Allowed")
    assert b"Allow: POST, OPTIONS" in sender.head
    sender.post(b"", f"{BASE}/event", "PUT")
    assert sender.answers()[0][0] == 401
    assert b'Splunk realm="logsrv"' in sender.head


def test_packed_events_are_unpacked_and_limited():
    packed = gzip.compress(DRIVER * 3)
    sender = Sender()
    assert ask(sender, packed, Content_Encoding="gzip") == (200, SUCCESS)
    assert sender.sink.text.count(b"\n") == 3
    sender = Sender(max_body=len(DRIVER))
    status, body = ask(sender, packed, Content_Encoding="gzip")
    assert (status, body["code"], body["text"]) == (413, 27, "Request entity too large")
    status, body = ask(Sender(), packed[:-9], Content_Encoding="gzip")
    assert (status, body["code"]) == (400, 6) and "Content-Encoding" in body["error"]


@pytest.mark.parametrize("path", ["/health", "/health/1.0"])
def test_the_health_says_whether_the_store_takes_records(path):
    sender = Sender()
    sender.post(b"", BASE + path, "GET")
    assert sender.answers() == [(200, {"text": "HEC is healthy", "code": 17})]
    sender.sink.closed = True
    sender.post(b"", BASE + path, "GET")
    assert sender.answers() == [(503, {"text": "HEC is unhealthy, queues are full", "code": 18})]
    assert b"Retry-After: " in sender.head
    sender.sink.seconds_closed = 0.5
    sender.post(b"", BASE + path, "GET")
    assert sender.answers()[0][0] == 200
    sender.sink.seconds_closed = 60
    sender.post(EVENT, BASE)
    assert sender.answers() == [(503, {"text": "Server is busy", "code": 9})]


# A real server.


def exchange(port: int, *requests: bytes) -> list[bytes]:
    """Return the status and body of each answer on one connection."""
    found = []
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with connection, connection.makefile("rb") as file:
        for one in requests:
            connection.sendall(one)
            head = b"".join(iter(file.readline, b"\r\n"))
            size = int(head.lower().partition(b"content-length: ")[2].split()[0])
            found.append(head.split(b" ")[1] + b" " + file.read(size))
    return found


def as_the_driver(method: bytes, headers: Sequence[bytes], body: bytes = b"") -> bytes:
    return b"\r\n".join(
        [b"%b /services/collector/event/1.0 HTTP/1.1" % method, b"Host: 127.0.0.1:8088",
         b"User-Agent: Go-http-client/1.1", *headers, b"Accept-Encoding: gzip", b"", body]
    )  # fmt: skip


@pytest.mark.slow
def test_a_log_driver_verifies_its_connection_and_sends(tmp_path):
    body = gzip.compress(DRIVER * 1000)
    head = (
        b"Content-Length: %d" % len(body),
        b"Authorization: Splunk x",
        b"Content-Encoding: gzip",
    )
    with starting(tmp_path) as start:
        server = start(listen=[HTTP])
        answers = exchange(
            server.port(), as_the_driver(b"OPTIONS", ()), as_the_driver(b"POST", head, body)
        )
        assert answers == [b"200 ", b'200 {"text":"Success","code":0}']
        assert len(server.wait_for_messages(1000)) == 1000
        for query in ("app:shop", "hostname=web1", "line:GET", "timestamp:06:18:42.25Z"):
            done = logsrv("search", "--directory", str(server.store), "-n", "5000", query)
            assert done.stdout.count(b"\n") == 1000, query


@pytest.mark.slow
def test_large_bodies_go_through_a_worker(tmp_path):
    """Also then the answer has its id, and names the invalid event."""
    good = tmp_path / "good"
    good.write_bytes(EVENT * 30_000)
    (tmp_path / "bad").write_bytes(EVENT * 30_000 + b'{"event":""}')
    with starting(tmp_path) as start:
        server = start("--input-token", "secret", listen=[HTTP])
        for name, answer in (
            ("good", {**SUCCESS, "ackId": 0}),
            ("bad", {"text": "Event field cannot be blank", "code": 13, "invalid-event-number": 30_000}),
        ):  # fmt: skip
            done = subprocess.run(
                [program("curl", "curl"), "-s", f"http://127.0.0.1:{server.port()}{BASE}?channel=a",
                 "-H", "Authorization: Splunk secret", "--data-binary", f"@{tmp_path / name}"],
                capture_output=True, timeout=PATIENCE,
            )  # fmt: skip
            assert json.loads(done.stdout) == answer
        assert len(server.messages()) == 60_000
        assert server.child("intake.worker")
