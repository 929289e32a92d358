"""The lines of the log for places where a service listens."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.endpoints.listening import log_listening
from logsrv.kit.net.endpoints.parse import parse_endpoint


@pytest.mark.parametrize(
    ("sentence", "endpoint", "address", "said"),
    [
        ("listening on {place}", "tcp:70", "0.0.0.0:70", "listening on tcp 0.0.0.0:70"),
        ("listening on {place}", "tcp6:70", "[::]:70", "listening on tcp [::]:70"),
        ("a: listening for syslog on {place}", "udp:514", "0.0.0.0:514",
         "a: listening for syslog on udp 0.0.0.0:514"),
        ("listening on {place}", "haproxy:tcp:70", "0.0.0.0:70", "listening on proxied tcp 0.0.0.0:70"),
        ("listening on {place}", "unix:/run/a", "/run/a", "listening on unix /run/a"),
        ("listening on {place}", "stdin:", "", "listening on standard input"),
        ("page at {url}/", "tcp:80", "127.0.0.1:80", "page at http://127.0.0.1:80/"),
        ("page at {url}/", "unix:/run/a{b}", "/run/a{b}", "page at unix /run/a{b}"),
        ("page at {url}/", "haproxy:tcp:80", "127.0.0.1:80", "page at proxied tcp 127.0.0.1:80"),
    ],
)  # fmt: skip
def test_the_line_of_a_place(sentence: str, endpoint: str, address: str, said: str) -> None:
    with capturedLogs() as events:
        log_listening(sentence, parse_endpoint(endpoint), address)
    assert [formatEvent(event) for event in events] == [said]


def test_a_place_of_another_package_is_its_text() -> None:
    with capturedLogs() as events:
        log_listening("listening on {place}", Endpoint("onion:80", "onion"), "")
    assert formatEvent(events[0]) == "listening on onion:80"


def test_tls_has_its_word_and_its_url(certificate_endpoint: str) -> None:
    endpoint = parse_endpoint(certificate_endpoint)
    with capturedLogs() as events:
        log_listening("listening on {place}", endpoint, "[::1]:443")
        log_listening("page at {url}/", endpoint, "[::1]:443")
    assert [formatEvent(event) for event in events] == [
        "listening on tls [::1]:443",
        "page at https://[::1]:443/",
    ]


@pytest.fixture
def certificate_endpoint() -> str:
    return f"ssl:443:privateKey={__file__}:certKey={__file__}"
