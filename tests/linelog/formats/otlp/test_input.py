"""A failed request over OTLP: a google.rpc.Status in the type of the request."""

import json
from typing import Any

import pytest

from logsrv.linelog.formats.otlp.input import protobuf_status
from tests.parts.http_senders import Sender

JSON, PROTOBUF = "application/json", "application/x-protobuf"
INVALID, DENIED, LARGE, UNIMPLEMENTED, UNAVAILABLE = 3, 16, 8, 12, 14


def status_of(message: bytes) -> tuple[int, str]:
    """The code and the message of a google.rpc.Status, read by the rules of protobuf."""
    assert message[0] == 0x08 and message[2] == 0x12
    size = shift = 0
    at = 3
    while True:
        byte = message[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    assert len(message) == at + size
    return message[1], message[at:].decode()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 16383, 16384, 100_000])
def test_a_status_of_any_length_is_protobuf(size):
    assert status_of(protobuf_status(3, "ü" * size)) == (3, "ü" * size)


def test_others_read_our_status():
    rpc: Any = pytest.importorskip("google.rpc.status_pb2")
    found = rpc.Status.FromString(protobuf_status(14, "x" * 200))
    assert (found.code, found.message) == (14, "x" * 200)


REFUSALS = [
    pytest.param("no token", 401, DENIED, "token", id="no token"),
    pytest.param("garbage", 400, INVALID, "body", id="a body that is none"),
    pytest.param("long", 413, LARGE, "--max-body", id="a body that is too long"),
    pytest.param("closed", 503, UNAVAILABLE, "send it again", id="a store that takes nothing"),
    pytest.param("method", 405, UNIMPLEMENTED, "only POST", id="another method"),
    pytest.param("site", 403, 7, "another site", id="a page of another site"),
]


@pytest.mark.parametrize("media", [JSON, PROTOBUF, f"{PROTOBUF}; charset=x", PROTOBUF.upper()])
@pytest.mark.parametrize(("case", "status", "code", "word"), REFUSALS)
def test_a_failed_request_is_answered_in_its_type(case, status, code, word, media):
    sender = Sender(max_body=1000, input_token="secret" if case == "no token" else None)
    sender.sink.closed = case == "closed"
    body = b"x" * 2000 if case == "long" else b"\xff\xff"
    more = {"Origin": "https://evil.example"} if case == "site" else {}
    method = "PUT" if case == "method" else "POST"
    sender.post(body, "/v1/logs", method, Content_Type=media, **more)
    head, _, answer = sender.transport.value().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    if media == JSON:
        assert b"Content-Type: application/json" in head
        found = json.loads(answer)
        assert found.keys() == {"code", "message"}
        said = found["code"], found["message"]
    else:
        assert b"Content-Type: application/x-protobuf" in head
        said = status_of(answer)
    assert said[0] == code and word in said[1]
    assert (b"Retry-After" in head) is (status == 503)


def test_a_type_that_is_none_of_otlp_is_told_in_json():
    sender = Sender()
    sender.post(b"x", "/v1/logs", Content_Type="text/plain")
    ((status, answer),) = sender.answers()
    assert (status, answer["code"]) == (415, INVALID)
