"""What a user may write where an endpoint is asked for, what is wrong, and where its files are."""

import socket
from contextlib import chdir
from pathlib import Path

import pytest

from logsrv.kit._protocol_plugin.service_settings import LISTEN, listen_kind
from logsrv.kit.inspect.inspect_settings import INSPECT
from logsrv.kit.net.parse import (
    check_and_complete_arguments,
    located_endpoint,
    named_arguments,
    parse_endpoint,
    parse_port,
)
from logsrv.kit.net.remote import REMOTE
from logsrv.kit.web.access import web_endpoint_kind
from logsrv.linelog.plugin.logger_settings import LISTEN as LOGGER_LISTEN


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
def test_each_kind_of_endpoint_is_parsed_and_gives_its_text_back(text, kind, port, path):
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
        ("ssl:443", "there is no file (privateKey) "),
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
        ("systemd:index=0", "systemd: has no domain; known are INET, INET6 or UNIX"),
        ("systemd:domain=INET", "either index= or name="),
        ("systemd:domain=TCP:index=0", "known are INET"),
        ("systemd:domain=INET:index=first", "is no number"),
        ("haproxy:udp:514", "stands before a stream"),
        ("stdin:3", "takes no argument"),
        ("tcp:\x1b[2J", "\\x1b"),
    ],
)
def test_a_wrong_endpoint_is_one_sentence(text, sentence):
    with pytest.raises(ValueError) as caught:
        located_endpoint(parse_endpoint(text), Path.cwd())
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


TAKES = ("host", "port")


def test_a_service_name_stands_for_its_port():
    try:
        number = socket.getservbyname("gopher", "tcp")
    except OSError:
        pytest.skip("this system has no list of services")
    assert parse_endpoint("tcp:gopher").port == number == parse_port("gopher", "tcp")


def test_omitted_arguments_of_tls_have_defaults(tmp_path):
    arguments = {"port": "domain"}
    (tmp_path / "server.pem").touch()
    with chdir(tmp_path):
        check_and_complete_arguments("ssl", arguments)
    assert arguments == {"port": "53", "privateKey": "server.pem"}
    check_and_complete_arguments("tls", {"path": str(tmp_path)})


def test_the_first_arguments_need_no_name():
    assert named_arguments("tcp", "a:1", TAKES) == {"host": "a", "port": "1"}
    assert named_arguments("tcp", "port=1:host=a", TAKES) == {"port": "1", "host": "a"}
    assert named_arguments("stdin", "", ()) == {}


def test_further_arguments_need_their_name():
    assert named_arguments("tcp", "a:1:key=k", TAKES, ("key",))["key"] == "k"
    with pytest.raises(ValueError, match="too many colons; tcp: takes host, port, and a colon"):
        named_arguments("tcp", "a:1:k", TAKES, ("key",))


def test_a_backslash_makes_a_character_a_part_of_the_value():
    text = r"\:\:1:p\=\\"
    assert named_arguments("tcp", text, TAKES) == {"host": "::1", "port": "p=\\"}


FILES = ("key.pem", "cert.pem", "chain.pem", "dh.pem", "ca.pem")
WEB = web_endpoint_kind(9100)
NAMED = listen_kind(["admin"])
CERTIFICATE = "privateKey=key.pem:certKey=cert.pem"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all files, which is not the working directory."""
    found = tmp_path / "conf"
    (found / "authorities").mkdir(parents=True)
    for name in FILES:
        (found / name).touch()
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    return found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (LISTEN, f"ssl:7001:{CERTIFICATE}"),
        (LISTEN, "ssl:7001:key.pem:cert.pem"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:extraCertChain=chain.pem:dhParameters=dh.pem"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:caCertsDir=authorities"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:clientca=ca.pem:clientcert=optional"),
        (LISTEN, f"tcp:7001:{CERTIFICATE}"),
        (LISTEN, f"tcp6:7001:{CERTIFICATE}"),
        (LISTEN, f"haproxy:tcp:7001:{CERTIFICATE}"),
        (LISTEN, f"haproxy:ssl:7001:{CERTIFICATE}"),
        (LISTEN, f"unix:run.sock:{CERTIFICATE}"),
        (LISTEN, "unix:run.sock"),
        (LISTEN, "unixgram:run.sock"),
        (LISTEN, "haproxy:unix:run.sock"),
        (LISTEN, f"systemd:domain=INET:index=0:{CERTIFICATE}"),
        (LISTEN, "tls:authorities:7001"),
        (NAMED, f"admin:ssl:7001:{CERTIFICATE}"),
        (WEB, f"ssl:9100:{CERTIFICATE}"),
        (INSPECT, f"ssl:9100:interface=127.0.0.1:{CERTIFICATE}"),
        (LOGGER_LISTEN, f"syslog:ssl:6514:{CERTIFICATE}:clientca=ca.pem"),
        (LOGGER_LISTEN, f"ssl:6514:{CERTIFICATE}"),
        (LOGGER_LISTEN, f"http:haproxy:ssl:6514:{CERTIFICATE}"),
        (REMOTE, f"ssl:localhost:7001:cafile=ca.pem:{CERTIFICATE}"),
        (REMOTE, "unix:run.sock"),
    ],
)
def test_each_path_of_an_endpoint_is_below_the_directory_of_its_text(folder, kind, text):
    located = repr(kind.locate(kind.parse(text), folder))
    for name in (*FILES, "run.sock", "authorities"):
        if name in text:
            assert str(folder / name) in located
    if ".pem" in text or "authorities" in text:
        with pytest.raises(ValueError, match=r"there is no (file|directory)"):
            kind.locate(kind.parse(text), Path.cwd())


@pytest.mark.parametrize(
    ("kind", "text", "label"),
    [
        (LISTEN, f"ssl:7001:{CERTIFICATE}", "ssl:7001"),
        (LISTEN, "ssl:7001:key.pem:interface=127.0.0.1", "ssl:7001:interface=127.0.0.1"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:clientca=ca.pem:clientcert=required", "ssl:7001"),
        (LISTEN, f"ssl:7001:{CERTIFICATE}:caCertsDir=authorities", "ssl:7001"),
        (LISTEN, f"haproxy:tcp:7001:{CERTIFICATE}", "haproxy:tcp:7001"),
        (LISTEN, "tls:authorities:7001", "tls:port=7001"),
        (LISTEN, "tcp:7001:interface=127.0.0.1", "tcp:7001:interface=127.0.0.1"),
        (LISTEN, "tcp6:7001:interface=\\:\\:1", "tcp6:7001:interface=\\:\\:1"),
        (NAMED, f"admin:ssl:7001:{CERTIFICATE}", "admin:ssl:7001"),
        (INSPECT, f"ssl:9100:interface=127.0.0.1:{CERTIFICATE}", "ssl:9100:interface=127.0.0.1"),
        (INSPECT, "ssh:9022:keys=keys:hostKey=key.pem", "ssh:9022"),
        (LOGGER_LISTEN, f"syslog:ssl:6514:{CERTIFICATE}", "syslog:ssl:6514"),
        (LOGGER_LISTEN, f"ssl:6514:{CERTIFICATE}", "ssl:6514"),
        (
            LOGGER_LISTEN,
            "nats:n1/LOGS:tls=yes:ca=/x\\:y.pem:part=1/2",
            "nats:n1/LOGS:tls=yes:part=1/2",
        ),
        (REMOTE, "ssl:localhost:7001:cafile=ca.pem:hostname=a", "ssl:localhost:7001:hostname=a"),
    ],
)
def test_a_label_has_no_files(folder, kind, text, label):
    assert kind.locate(kind.parse(text), folder).label == label  # type: ignore[attr-defined]


def test_a_socket_path_may_be_too_long_below_the_directory(tmp_path):
    with pytest.raises(ValueError, match="too long for a socket"):
        located_endpoint(parse_endpoint("unix:run.sock"), tmp_path / ("x" * 100))
