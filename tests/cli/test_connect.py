"""`logsrv connect` in scripts: standard input is sent, what comes back is written out."""

import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading

import pytest
import pytest_twisted
from cryptography.x509 import DNSName
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.cli import connect
from logsrv.cli.connect import (
    Client,
    ConnectionFailed,
    PlainClient,
    parse_address,
    read_all,
    talk,
    why_disconnected,
)
from logsrv.cli.main import main
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.commands import LOGSRV, echo, logsrv, serving, serving_unix
from tests.parts.ports import free_port
from tests.parts.waits import line_of


def reset(connection: socket.socket) -> None:
    """Break off without closing."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection: socket.socket) -> None:
    """Close after all that came."""
    connection.recv(2)


def answer_once(connection: socket.socket) -> None:
    connection.sendall(connection.recv(100))
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap()


def cut_off(connection: socket.socket) -> None:
    connection.sendall(connection.recv(100))


def greet(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")
    connection.recv(1000)


def failure(endpoint: str, input: bytes = b"") -> str:
    """The sentence with which it fails."""
    done = logsrv("connect", endpoint, input=input)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    return done.stderr.decode().strip().removeprefix("logsrv connect: ")


def test_input_is_sent_and_answers_are_written_until_the_server_closes():
    """The server learns of the end of the input, answers, closes: status 0."""
    with serving(echo) as port:
        done = logsrv("connect", f"127.0.0.1:{port}", input=b"one\ntwo")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"one\ntwo", b"")


def test_a_pipe_gets_the_servers_bytes_unchanged():
    """A file sent through an echo server is the same file, however large."""
    data = os.urandom(3_000_000)
    with serving(echo) as port:
        done = logsrv("connect", f"127.0.0.1:{port}", input=data)
    assert done.stdout == data


@pytest.mark.slow
def test_the_command_ends_when_the_server_closes_though_the_input_goes_on():
    with serving(lambda connection: connection.sendall(b"bye\n")) as port:
        reader, writer = os.pipe()
        with os.fdopen(writer, "wb"):
            done = subprocess.run(
                [*LOGSRV, "connect", f"127.0.0.1:{port}"],
                stdin=reader, capture_output=True, timeout=PATIENCE,
            )  # fmt: skip
        os.close(reader)
    assert (done.returncode, done.stdout) == (0, b"bye\n")


@pytest.mark.slow
def test_ctrl_c_ends_with_status_130():
    heard = threading.Event()

    def serve(connection: socket.socket) -> None:
        heard.set()
        connection.recv(1)

    with serving(serve) as port:
        process = subprocess.Popen([*LOGSRV, "connect", f"127.0.0.1:{port}"], stdin=subprocess.PIPE)
        assert heard.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stdin is not None
        process.stdin.close()


def test_a_conversation_over_a_unix_socket(tmp_path):
    with serving_unix(tmp_path / "s", echo):
        done = logsrv("connect", f"unix:{tmp_path}/s", input=b"hello\n")
    assert (done.returncode, done.stdout) == (0, b"hello\n")


def test_an_endpoint_without_connections_is_refused_with_the_program_for_it(capsys):
    assert main(["connect", "udp:localhost:514"]) == 2
    assert "udp:localhost:514: udp: is for nc -u HOST PORT" in capsys.readouterr().err


def test_a_server_that_cannot_be_reached_is_reported(tmp_path):
    port = free_port()
    assert failure(f"127.0.0.1:{port}") == f"tcp:127.0.0.1:{port}: Connection refused"
    missing = f"unix:{tmp_path}/no"
    assert failure(missing) == f"{missing}: No such file or directory"
    unknown = "tcp:nobody.invalid:1: there is no host of that name"
    assert failure("nobody.invalid:1") == unknown


def test_a_reset_connection_is_reported():
    with serving(reset) as port:
        assert "the connection broke off" in failure(f"127.0.0.1:{port}", input=b"x\n")


@pytest.mark.parametrize(("end", "kind"), [(reset, ConnectionLost), (close, ConnectionDone)])
def test_the_socket_tells_a_reset_from_a_close(end, kind):
    """The reactor can take a reset for a close, as its poll tells first that something is wrong."""
    with serving(end) as port, socket.create_connection(("127.0.0.1", port), PATIENCE) as ours:
        transport = StringTransport()
        transport.getHandle = lambda: ours  # type: ignore[attr-defined]
        client = PlainClient(Clock())
        client.makeConnection(transport)
        client.writeConnectionLost()
        ours.sendall(b"x\n")
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        assert poll.poll(PATIENCE * 1000)
        client.readConnectionLost()
    assert type(ended(client)) is kind


def ended(client: Client) -> object:
    """The reason of its end."""
    reasons: list[object] = []
    client.ended.addCallback(reasons.append)
    return reasons[0]


def test_an_unexpected_error_is_one_line_without_controls():
    assert why_disconnected(ValueError("odd\n\x1b[2J")) == "odd\\x0a\\x1b[2J"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_a_conversation_over_tls_with_the_authoritys_certificate(authority):
    with serving(answer_once, authority.server_context("localhost")) as port:
        endpoint = f"tls:localhost:{port}:cafile={authority.cafile}"
        done = logsrv("connect", endpoint, input=b"hello\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")


@pytest.mark.slow
def test_silence_ends_tls_whose_server_cannot_see_the_end_of_the_input(authority):
    with serving(echo, authority.server_context("localhost")) as port:
        endpoint = f"tls:localhost:{port}:cafile={authority.cafile}"
        done = logsrv("connect", endpoint, input=b"hello\n")
    # The server does not answer our close of TLS with its own: many do not.
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_full_disk_under_the_output_is_reported(authority, encrypted):
    context = authority.server_context("localhost") if encrypted else None
    with serving(echo, context) as port, open("/dev/full", "wb") as full:
        scheme, trust = ("tls", f":cafile={authority.cafile}") if encrypted else ("tcp", "")
        done = subprocess.run(
            [*LOGSRV, "connect", f"{scheme}:localhost:{port}{trust}"],
            input=b"x\n", stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"logsrv: No space left on device\n")


def test_tls_that_ends_without_a_close_is_an_error(authority):
    """Without TLS's own close nobody knows whether that was all."""
    with serving(cut_off, authority.server_context("localhost")) as port:
        endpoint = f"tls:localhost:{port}:cafile={authority.cafile}"
        done = logsrv("connect", endpoint, input=b"hello\n")
    assert (done.returncode, done.stdout) == (1, b"hello\n")
    assert b"the connection broke off; the answer may be incomplete" in done.stderr


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    with serving(answer_once, authority.server_context("localhost")) as port:
        assert "an authority unknown here; cafile=FILE" in failure(f"tls:localhost:{port}", b"x\n")


def test_another_name_in_a_certificate_is_refused_unless_it_is_given(authority):
    context = authority.server_context("somebody.example")
    trust = f"cafile={authority.cafile}"
    with serving(answer_once, context) as port:
        sentence = failure(f"tls:localhost:{port}:{trust}", input=b"secret\n")
    assert "its certificate is for another name" in sentence
    with serving(answer_once, context) as port:
        endpoint = f"tls:localhost:{port}:{trust}:hostname=somebody.example"
        assert logsrv("connect", endpoint, input=b"hello\n").stdout == b"hello\n"


@pytest.mark.parametrize(
    ("name", "names"),
    [("somebody.example", None), ("localhost", []), ("localhost", [DNSName("other.example")])],
)
def test_nothing_is_sent_to_a_server_whose_certificate_lacks_its_name(authority, name, names):
    """A certificate without alternative names has no name: its subject's common name is none."""
    heard = []
    context = authority.server_context(name, names=names)
    with serving(lambda connection: heard.append(connection.recv(100)), context) as port:
        failure(f"tls:localhost:{port}:cafile={authority.cafile}", input=b"secret\n")
    assert heard in ([], [b""])


def test_a_client_certificate_is_shown_to_the_server(authority):
    own = authority.certify("me.example")
    with serving(answer_once, authority.server_context("localhost", clients=True)) as port:
        endpoint = f"tls:localhost:{port}:cafile={authority.cafile}:certKey={own}"
        assert logsrv("connect", endpoint, input=b"hello\n").stdout == b"hello\n"


def test_a_server_that_does_not_speak_tls_is_reported():
    with serving(greet) as port:
        sentence = failure(f"tls:127.0.0.1:{port}")
    assert sentence == f"tls:127.0.0.1:{port}: it does not speak TLS"


@pytest_twisted.inlineCallbacks
def test_a_server_without_an_answer_to_tls_is_given_up(monkeypatch):
    """A server that accepts, and waits for a line."""
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.2)
    done = threading.Event()

    def accept(connection: socket.socket) -> None:
        done.wait(PATIENCE)

    with serving(accept) as port:
        place = parse_address(f"tls:localhost:{port}")
        with pytest.raises(ConnectionFailed, match=r"no answer in 0\.2 s"):
            yield Deferred.fromCoroutine(talk(place, reactor))
        done.set()


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("cafile=/no/such", "the CA file /no/such: No such file or directory"),
        ("cafile=/dev/null", "the CA file /dev/null: has no certificate in PEM format"),
        ("certKey=/dev/null", "/dev/null: not a certificate with its key in PEM format"),
        ("privateKey=/dev/null", "the key /dev/null is given without a certificate"),
    ],
)
def test_certificate_files_that_are_none_are_reported(argument, sentence):
    assert failure(f"tls:localhost:1:{argument}").startswith(sentence)


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("localhost:7000", "tcp", "localhost", 7000),
        ("example.org:http", "tcp", "example.org", 80),
        ("tls:example.org:443", "ssl", "example.org", 443),
        ("[::1]:7000", "tcp", "::1", 7000),
        ("tls:[2001:db8::1]:443", "ssl", "2001:db8::1", 443),
        (r"tcp:\:\:1:7000", "tcp", "::1", 7000),
        ("tcp:host=localhost:port=1", "tcp", "localhost", 1),
    ],
)
def test_host_and_port_are_parsed(text, scheme, host, port):
    place = parse_address(text)
    assert (place.scheme, place.host, place.port) == (scheme, host, port)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("localhost", "localhost is no place to connect to; known are tcp:HOST:PORT"),
        ("localhost:", "localhost: is no place to connect to"),
        ("tcp:7000", "has no host and port; write tcp:HOST:PORT"),
        ("localhost:0", "nobody listens on port 0"),
        ("localhost:htp", "htp is no port and no tcp service"),
        ("tsl:localhost:1", "did you mean tls?"),
        ("localhost:1:cafile=x", "known are tcp:HOST:PORT"),
        ("\x1b[2J:1:", "\\x1b[2J"),
    ],
)
def test_a_wrong_endpoint_is_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        parse_address(text)
    assert str(refused.value).isprintable()


@pytest_twisted.inlineCallbacks
def test_the_next_chunk_is_read_when_the_last_one_is_taken():
    """So a slow server holds back the program that feeds us, and memory stays small."""
    reader, writer = os.pipe()
    taken: list[bytes] = []
    slow: list[Deferred[None]] = []
    came: list[Deferred[None]] = [Deferred(), Deferred()]

    async def take(data: bytes) -> None:
        taken.append(data)
        slow.append(Deferred())
        came[len(taken) - 1].callback(None)
        await slow[-1]

    ended = read_all(reader, take, reactor)
    os.write(writer, b"one")
    yield came[0]
    os.write(writer, b"two")
    os.write(writer, b"three")
    assert taken == [b"one"]
    slow[0].callback(None)
    yield came[1]
    assert taken == [b"one", b"twothree"]
    os.close(writer)
    slow[1].callback(None)
    yield ended
    os.close(reader)


def test_a_server_that_does_not_read_holds_the_sender_back():
    client = PlainClient(Clock())
    client.makeConnection(StringTransport())
    assert Deferred.fromCoroutine(client.send(b"one")).called
    client.transport.producer.pauseProducing()
    waiting = Deferred.fromCoroutine(client.send(b"two"))
    assert not waiting.called
    client.connectionLost(Failure(ConnectionDone()))
    assert waiting.called


def test_pipes_that_do_not_block_are_waited_for():
    """Another program that has the same pipe may have made it so."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    with serving(echo) as port:
        process = subprocess.Popen(
            [*LOGSRV, "connect", f"localhost:{port}"], stdin=ours, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        os.close(ours)
        for number in range(100):
            # Mostly it finds nothing to read before.
            os.write(theirs, b"%d\n" % number)
            assert line_of(process.stdout) == b"%d\n" % number
        os.close(theirs)
        assert process.wait(PATIENCE) == 0
        process.stdout.close()
