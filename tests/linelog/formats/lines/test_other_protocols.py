"""Connections that speak another protocol than lines are known by their first bytes."""

import pytest

from logsrv.linelog.intake.line_receiver import LONGEST, sentence_about


def said_of(data: bytes, size: int) -> str:
    """Return what is said when `size` bytes come at a time."""
    for end in range(size, len(data) + size, size):
        sentence = sentence_about(data[:end])
        if sentence is not None:
            return sentence
    return ""


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP"),
        (b"OPTIONS / HTTP/1.0\r\n\r\n", "HTTP"),
        (b"HEAD /health HTTP/1.1\nHost: a\n\n", "HTTP"),
        (b"POST /v1/logs HTTP/1.1\r\n", "HTTP"),
        (b"CONNECT mail:25 HTTP/1.1\r\n", "HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 1514\r\n<13>x\n", "PROXY"),
        (b"PROXY UNKNOWN\r\n", "PROXY"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "PROXY"),
        (b"1 open 85 relp_version=0\nrelp_software=librelp,1.11.0\n", "RELP"),
        # Lines of logs.
        (b"GET /index.html 200\n", ""),
        (b"GET / HTTP/1.1 200 12ms\n", ""),
        (b'192.0.2.1 - - [x] "GET / HTTP/1.1" 200\n', ""),
        (b"get / HTTP/1.1\n", ""),
        (b"PROXY is down\n", ""),
        (b"1 open 2\n", ""),
        (b"text\nGET / HTTP/1.1\r\n", ""),
        (b"<13>GET / HTTP/1.1\n", ""),
        (b"\r\n\r\ntext\n", ""),
        (b"GET /" + b"x" * LONGEST + b" HTTP/1.1\r\n", ""),
        (b"x" * 5000, ""),
        (b"\xff\xf4\xff\xfd\x06", ""),
    ],
)
def test_another_protocol_is_known_by_its_first_bytes(data, protocol):
    for size in (1, 2, 7, len(data)):
        sentence = said_of(data, size)
        assert (protocol in sentence and "listen" in sentence) if protocol else not sentence
