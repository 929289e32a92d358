"""What an endpoint is at: its place, its text for Twisted, what is in its way, how the log names it."""

from contextlib import chdir
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.net.endpoint import Endpoint, TakenEndpoints, endpoint_text, log_listening
from logsrv.kit.net.parse import parse_endpoint


def test_bursts_find_a_long_backlog_and_others_no_open_socket():
    reactor = MemoryReactorClock()
    for text in ("tcp:1234", "unix:/run/x", "haproxy:tcp:1"):
        serverFromString(reactor, parse_endpoint(text).twisted_description).listen(None)  # type: ignore[arg-type]
    assert [server[2] for server in reactor.tcpServers] == [1024, 1024]
    assert reactor.unixServers[0][2:4] == (1024, 0o660)


def test_what_was_given_wins_over_our_defaults():
    reactor = MemoryReactorClock()
    text = parse_endpoint("unix:/run/x:mode=600:backlog=5").twisted_description
    serverFromString(reactor, text).listen(None)  # type: ignore[arg-type]
    assert reactor.unixServers[0][2:4] == (5, 0o600)


def test_relative_paths_can_be_made_absolute_before_the_daemon_changes_directory(tmp_path):
    located = parse_endpoint("unix:run/a\\:b.sock").with_paths_below(tmp_path)
    assert located.path == f"{tmp_path}/run/a:b.sock"
    assert parse_endpoint(str(located)).path == located.path
    proxied = parse_endpoint("haproxy:unix:x").with_paths_below(tmp_path)
    assert str(proxied) == f"haproxy:unix:{tmp_path}/x"
    assert parse_endpoint("tcp:1").with_paths_below(tmp_path) == parse_endpoint("tcp:1")


@given(
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
    )
)
def test_any_path_survives_being_written_and_read(path):
    assert parse_endpoint(endpoint_text("unix", {"address": path})).path == path


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("tcp:514", "tcp:514", True),
        ("tcp:514", "tcp:514:interface=127.0.0.1", True),
        ("tcp:514:backlog=7", "haproxy:tcp:514", True),
        ("tcp:514:interface=127.0.0.1", "tcp:514:interface=127.0.0.2", False),
        ("tcp:514", "udp:514", False),
        ("udp:514", "udp:514:rcvbuf=1MiB", True),
        ("tcp:514", "tcp6:514", False),
        ("tcp6:514", "tcp6:514:interface=\\:\\:1", True),
        ("tcp:0", "tcp:0", False),
        ("unix:/a", "unixgram:/a", True),
        ("unix:/a/./b", "unix:/a/b", True),
        ("unix:/a", "unix:/b", False),
        ("unix:/a", "tcp:1", False),
        ("stdin:", "stdin:", False),
        ("systemd:INET:index=0", "haproxy:systemd:domain=INET:index=0", True),
        ("systemd:INET:name=a", "systemd:INET6:name=a", True),
        ("systemd:INET:index=0", "systemd:INET:index=1", False),
        ("systemd:INET:index=0", "systemd:INET:name=a", False),
    ],
)
def test_which_endpoints_are_in_each_others_way(one, other, together):
    assert parse_endpoint(one).overlaps(parse_endpoint(other)) is together
    assert parse_endpoint(other).overlaps(parse_endpoint(one)) is together
    taken = TakenEndpoints([parse_endpoint("tcp:7"), parse_endpoint(other)])
    assert (taken.overlapping_endpoint(parse_endpoint(one)) is not None) is together


def test_a_place_is_not_compared_with_all_that_are_taken(monkeypatch):
    """Thousands of listeners were compared each with each at a start, a reload and a check."""
    taken = TakenEndpoints(parse_endpoint(f"udp:{port}") for port in range(1, 1000))
    compare = Mock(side_effect=Endpoint.overlaps)
    monkeypatch.setattr(Endpoint, "overlaps", lambda *both: compare(*both))
    assert taken.overlapping_endpoint(parse_endpoint("udp:1000")) is None
    assert taken.overlapping_endpoint(parse_endpoint("udp:514")) == parse_endpoint("udp:514")
    assert compare.call_count == 1


def test_arguments_of_our_own_are_not_passed_to_twisted(tmp_path):
    (tmp_path / "pem").touch()
    text = "ssl:443:privateKey=pem:clientca=pem:caCertsDir=.:clientcert=optional"
    with chdir(tmp_path):
        endpoint = parse_endpoint(text)
        assert endpoint.asks_for_certificates
        assert parse_endpoint(f"haproxy:{text}").asks_for_certificates
        assert not parse_endpoint("ssl:443:privateKey=pem").asks_for_certificates
    assert endpoint.twisted_description == "tcp:443:backlog=1024"
    assert endpoint.twisted_tls_description == "ssl:0:privateKey=pem"
    located = endpoint.with_paths_below(tmp_path)
    assert (located.argument("clientca"), located.argument("caCertsDir")) == (
        str(tmp_path / "pem"),
        str(tmp_path),
    )


def test_a_certificate_for_tls_that_begins_later_is_not_for_the_listener(tmp_path):
    (tmp_path / "pem").touch()
    with chdir(tmp_path):
        endpoint = parse_endpoint("tcp:25:privateKey=pem:extraCertChain=pem:clientca=pem")
        plain = parse_endpoint("tcp:25")
        later = parse_endpoint("haproxy:unix:/s:privateKey=pem")
        always = parse_endpoint("ssl:25:privateKey=pem")
    assert endpoint.twisted_description == "tcp:25:backlog=1024"
    assert endpoint.twisted_tls_description == "ssl:0:privateKey=pem:extraCertChain=pem"
    assert later.twisted_tls_description == "ssl:0:privateKey=pem"
    assert (endpoint.has_certificate, endpoint.begins_plain) == (True, True)
    assert (later.has_certificate, later.begins_plain) == (True, True)
    assert (plain.has_certificate, plain.begins_plain) == (False, True)
    assert (always.has_certificate, always.begins_plain) == (True, False)


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
def test_a_listeners_place_is_logged(sentence, endpoint, address, said):
    with capturedLogs() as events:
        log_listening(sentence, parse_endpoint(endpoint), address)
    assert [formatEvent(event) for event in events] == [said]


def test_a_place_of_another_package_is_its_text():
    with capturedLogs() as events:
        log_listening("listening on {place}", Endpoint("onion:80", "onion"), "")
    assert formatEvent(events[0]) == "listening on onion:80"


def test_tls_has_its_word_and_its_url(certificate_endpoint):
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
