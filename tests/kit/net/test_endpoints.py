"""What a user may write where an endpoint is asked for, and what they read when it is wrong."""

from __future__ import annotations

import re
import socket
from contextlib import chdir
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactorClock

from logsrv.kit.net.endpoints import ARGUMENTS, endpoint_text, parse_endpoint, port_number


@pytest.mark.parametrize(
    ("text", "kind", "port", "path"),
    [
        ("tcp:1234", "stream", 1234, None),
        ("tcp:0:interface=127.0.0.1", "stream", 0, None),
        ("tcp:80:interface=localhost", "stream", 80, None),
        ("tcp:port=80", "stream", 80, None),
        ("tcp6:514:interface=\\:\\:1", "stream", 514, None),
        ("unix:/run/x.sock:mode=600", "stream", None, "/run/x.sock"),
        ("systemd:domain=INET:index=0", "stream", None, None),
        ("systemd:domain=UNIX:name=logs", "stream", None, None),
        ("haproxy:tcp:1234", "stream", 1234, None),
        ("haproxy:unix:/run/x", "stream", None, "/run/x"),
        ("stdio:", "stream", None, None),
        ("udp:514", "datagram", 514, None),
        ("udp:514:interface=\\:\\:1:rcvbuf=4MiB", "datagram", 514, None),
        ("unixgram:/dev/log:mode=666", "datagram", None, "/dev/log"),
        ("stdin:", "stdin", None, None),
    ],
)
def test_takes_each_kind_and_gives_the_text_back(
    text: str, kind: str, port: int | None, path: str | None
) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.kind, endpoint.port, endpoint.path) == (kind, port, path)
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("1234", "did you mean tcp:1234?"),
        ("/run/x", "did you mean unix:/run/x?"),
        ("upd:514", "upd is no endpoint type; did you mean udp? known are haproxy, ssl"),
        ("tcp", "no colon after tcp; write tcp:1234"),
        ("tcp:", "tcp: has no port"),
        ("tcp:65536", "ports go from 0 (any free one) to 65535"),
        ("tcp:-1", "-1 is no port"),
        ("tcp:nonesuch", "nonesuch is no port and no tcp service"),
        ("tcp:1:interface=::1", "a colon inside of one is written \\:"),
        ("tcp:1:interfaces=1.2.3.4", "did you mean interface?"),
        ("tcp:1:interface=1.2.3.400", "is no address"),
        ("tcp:1:backlog=x", "is no number of connections"),
        ("tcp:1:backlog=1:backlog=2", "has backlog twice"),
        ("tcp:1\\", "ends in a backslash"),
        ("tcp6:1:interface=127.0.0.1", "is an IPv4 address"),
        ("udp:1:interface=localhost", "is no address"),
        ("udp:1:rcvbuf=4MB", "did you mean 4MiB?"),
        ("udp:1:rcvbuf=2GiB", "rcvbuf=2GiB is too large"),
        ("udp:1:rcvbuf=99999999999999999999", "is larger than any file can be"),
        ("unix:", "has no path"),
        ("unix:/x:mode=abc", "is no file mode"),
        ("unix:/" + "x" * 107, "too long for a socket"),
        ("ssl:443", "there is no file (privateKey) server.pem"),
        ("ssl:443:privateKey=/:clientca=/nonexistent", "there is no file (clientca) /nonexistent"),
        ("ssl:443:privateKey=/:caCertsDir=/nonexistent", "there is no directory /nonexistent"),
        ("ssl:443:privateKey=/:clientcert=required", "clientca=FILE, a file of certificates of au"),
        ("ssl:443:privateKey=/:clientca=/:clientcert=no", "neither required nor optional"),
        ("tcp:25:certKey=/", "tcp: has certKey without a key; add privateKey=FILE, or take ssl:"),
        ("tcp:25:privateKey=/nonexistent", "there is no file (privateKey) /nonexistent"),
        ("unix:/s:privateKey=/:clientcert=required", "clientca=FILE, a file of certificates of au"),
        ("tcp:25:privatekey=/", "did you mean privateKey?"),
        ("tls:/nonexistent:443", "there is no directory"),
        ("tls:6514", "with one certificate it is ssl:6514:privateKey=FILE:certKey=FILE"),
        ("tls:6514:privateKey=pem", "with one certificate it is ssl:6514:"),
        ("tls:", "tls:DIRECTORY:PORT"),
        ("systemd:domain=INET", "either index= or name="),
        ("systemd:domain=TCP:index=0", "known are INET"),
        ("systemd:domain=INET:index=first", "is no number"),
        ("haproxy:udp:514", "stands before a stream"),
        ("stdin:3", "takes no argument"),
        ("tcp:\x1b[2J", "\\x1b"),
    ],
)
def test_says_in_one_sentence_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_endpoint(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_service_name_stands_for_its_port() -> None:
    try:
        number = socket.getservbyname("gopher", "tcp")
    except OSError:
        pytest.skip("this system has no list of services")
    assert parse_endpoint("tcp:gopher").port == number == port_number("gopher", "tcp")


def test_a_misspelt_service_name_gets_the_near_one() -> None:
    if not Path("/etc/services").exists():
        pytest.skip("this system has no list of services")
    with pytest.raises(ValueError, match="did you mean gopher"):
        parse_endpoint("tcp:gohper")


def test_bursts_find_a_long_backlog_and_others_no_open_socket() -> None:
    reactor = MemoryReactorClock()
    for text in ("tcp:1234", "unix:/run/x", "haproxy:tcp:1"):
        serverFromString(reactor, parse_endpoint(text).twisted).listen(None)  # type: ignore[arg-type]
    assert [server[2] for server in reactor.tcpServers] == [1024, 1024]
    assert reactor.unixServers[0][2:4] == (1024, 0o660)


def test_what_was_given_wins_over_our_defaults() -> None:
    reactor = MemoryReactorClock()
    text = parse_endpoint("unix:/run/x:mode=600:backlog=5").twisted
    serverFromString(reactor, text).listen(None)  # type: ignore[arg-type]
    assert reactor.unixServers[0][2:4] == (5, 0o600)


def test_relative_paths_can_be_made_absolute_before_the_daemon_changes_directory(
    tmp_path: Path,
) -> None:
    located = parse_endpoint("unix:run/a\\:b.sock").located(tmp_path)
    assert located.path == f"{tmp_path}/run/a:b.sock"
    assert parse_endpoint(str(located)).path == located.path
    proxied = parse_endpoint("haproxy:unix:x").located(tmp_path)
    assert str(proxied) == f"haproxy:unix:{tmp_path}/x"
    assert parse_endpoint("tcp:1").located(tmp_path) == parse_endpoint("tcp:1")


@given(
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
    )
)
def test_any_path_survives_being_written_and_read(path: str) -> None:
    assert parse_endpoint(endpoint_text("unix", {"address": path})).path == path


@given(st.text(max_size=40), st.sampled_from(["", *ARGUMENTS, "haproxy"]))
def test_whatever_is_written_gives_an_endpoint_or_a_value_error(text: str, scheme: str) -> None:
    told = ""
    try:
        endpoint = parse_endpoint(f"{scheme}:{text}")
    except ValueError as error:
        told = str(error)
    else:
        assert parse_endpoint(str(endpoint)) == endpoint
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", told)


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
def test_which_endpoints_are_in_each_others_way(one: str, other: str, together: bool) -> None:
    assert parse_endpoint(one).overlaps(parse_endpoint(other)) is together
    assert parse_endpoint(other).overlaps(parse_endpoint(one)) is together


def test_what_twisted_knows_nothing_of_is_not_for_it(tmp_path: Path) -> None:
    (tmp_path / "pem").touch()
    text = "ssl:443:privateKey=pem:clientca=pem:caCertsDir=.:clientcert=optional"
    with chdir(tmp_path):
        endpoint = parse_endpoint(text)
        assert endpoint.asks_for_certificates
        assert parse_endpoint(f"haproxy:{text}").asks_for_certificates
        assert not parse_endpoint("ssl:443:privateKey=pem").asks_for_certificates
    assert endpoint.twisted == "ssl:443:privateKey=pem:backlog=1024"
    located = endpoint.located(tmp_path)
    assert (located.argument("clientca"), located.argument("caCertsDir")) == (
        str(tmp_path / "pem"),
        str(tmp_path),
    )


def test_a_certificate_for_tls_that_begins_later_is_not_for_the_listener(tmp_path: Path) -> None:
    (tmp_path / "pem").touch()
    with chdir(tmp_path):
        endpoint = parse_endpoint("tcp:25:privateKey=pem:extraCertChain=pem:clientca=pem")
        plain = parse_endpoint("tcp:25")
        later = parse_endpoint("haproxy:unix:/s:privateKey=pem")
        always = parse_endpoint("ssl:25:privateKey=pem")
    assert endpoint.twisted == "tcp:25:backlog=1024"
    assert endpoint.twisted_tls == "ssl:0:privateKey=pem:extraCertChain=pem"
    assert later.twisted_tls == "ssl:0:privateKey=pem"
    assert (endpoint.has_certificate, endpoint.begins_plain) == (True, True)
    assert (later.has_certificate, later.begins_plain) == (True, True)
    assert (plain.has_certificate, plain.begins_plain) == (False, True)
    assert (always.has_certificate, always.begins_plain) == (True, False)
