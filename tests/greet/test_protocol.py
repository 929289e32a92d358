"""`twistd greet` in memory and as a real process."""

import os
import signal
import socket
import time

import pytest
from twisted.internet.address import IPv6Address, UNIXAddress

from logsrv.greet.protocol import LARGEST_FILE, Greet, GreetDatagrams, GreetingState, GreetOptions
from logsrv.kit import protocol_plugin
from logsrv.kit.options.usage import usage_options
from logsrv.kit.testing import MemoryService, TelnetSession, conformance
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.talking import carry

pytest_plugins = ["logsrv.kit.testing.fixtures"]

LOOPBACK = "tcp:0:interface=127.0.0.1"


def greet(*arguments: str) -> MemoryService:
    return MemoryService(
        Greet, *arguments, options=GreetOptions, datagrams=GreetDatagrams, state=GreetingState
    )


def test_a_client_is_greeted_and_the_connection_closed():
    peer = greet().connect()
    assert peer.received() == b"Thank you for connecting\r\n"
    assert peer.closed


def test_fields_of_the_message_are_filled_in():
    """Each visitor gets its own message."""
    service = greet("--message", "{count} {host} {port} {peer} {time}")
    service.clock.advance(1.5)
    assert service.connect().received() == (
        b"1 127.0.0.1 50000 tcp:127.0.0.1:50000 1970-01-01T00:00:01.500000Z\r\n"
    )
    six = service.connect(IPv6Address("TCP", "::1", 7))
    assert six.received().startswith(b"2 ::1 7 tcp:[::1]:7 ")
    assert service.connect(UNIXAddress(b"")).received().startswith(b"3   unix: ")


def test_the_message_may_come_from_a_file(tmp_path):
    """Several lines from a file, end in CR LF each, and no empty one at the end."""
    path = tmp_path / "message"
    path.write_bytes("Grüße, {host}\r\nand welcome\n".encode())
    peer = greet("--message-file", str(path)).connect()
    assert peer.received() == "Grüße, 127.0.0.1\r\nand welcome\r\n".encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no such file"),
        (b"\xff", "is not UTF-8"),
        (b"x" * (LARGEST_FILE + 1), "is larger than"),
        (b"{foo}", "there is no field {foo}"),
    ],
)
def test_a_wrong_message_file_ends_the_start(tmp_path, content, sentence):
    path = tmp_path / "message"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=sentence):
        greet("--message-file", str(path))


def test_a_message_file_that_would_block(tmp_path):
    path = tmp_path / "message"
    os.mkfifo(path)
    with pytest.raises(SystemExit, match="is a pipe, which cannot be read again"):
        greet("--message-file", str(path))


def test_a_message_of_several_lines_in_a_variable():
    """It is one message: nothing in it parts it into several."""
    options = usage_options(GreetOptions, name="greet", version="1")()
    options.environment = {"GREET_MESSAGE": "one, two\nthree"}
    options.parseOptions([])
    assert options.settings.message.render({}) == "one, two\r\nthree"


def test_with_stay_each_line_is_answered():
    """A conversation: each line is answered, control characters do no harm, `quit` ends it."""
    peer = greet("--stay").connect()
    assert peer.received() == b"Thank you for connecting\r\nSay something, or quit to leave.\r\n"
    peer.feed("Grüße\r\nbeep\x07\r\n".encode())
    assert peer.received() == "You said: Grüße\r\nYou said: beep\\x07\r\n".encode()
    peer.feed(b" QUIT \r\n")
    assert peer.received() == b"Goodbye.\r\n"
    assert peer.closed


@pytest.mark.slow
def test_every_kind_of_listener_greets(twistd, tmp_path):
    """TCP, UDP, UNIX and UNIX datagrams at once; each visit is in the log."""
    stream, grams = str(tmp_path / "stream"), str(tmp_path / "grams")
    server = twistd(
        "greet", "--listen", LOOPBACK, "--listen", "udp:0:interface=127.0.0.1",
        "--listen", f"unix:{stream}", "--listen", f"unixgram:{grams}",
    )  # fmt: skip
    tcp, udp = server.ports()
    for where in (tcp, stream):
        with TelnetSession(where) as session:
            session.expect("Thank you for connecting")
            session.expect_close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.sendto(b"hello\nhello", ("127.0.0.1", udp))
        assert client.recv(100) == b"Thank you for connecting\r\n"
        # Two greeting servers do not thank each other for ever.
        client.sendto(b"Thank you for connecting\r\n", ("127.0.0.1", udp))
        client.sendto(b"again", ("127.0.0.1", udp))
        assert client.recv(100) == b"Thank you for connecting\r\n"
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(100)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.bind(str(tmp_path / "mine"))
        client.sendto(b"hello", grams)
        assert client.recv(100) == b"Thank you for connecting\r\n"
    server.wait_for_log(r"Got connection from tcp:127\.0\.0\.1:\d+")
    server.wait_for_log(r"Got connection from unix:uid=\d+,pid=\d+")
    server.wait_for_log(r"Got 1 datagram from udp:127\.0\.0\.1:\d+")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other", "most"),
    [
        ("Thank you for connecting", "Thank you for connecting", 1),
        (r"Thank you,\n{peer}, number {count}", r"Thank you,\n{peer}, number {count}", 1),
        ("Thank you for connecting, {host}", "Welcome, number {count}", 12),
        (r"One line\nand another", "Willkommen", 12),
        ("{count}", "{count}", 12),
    ],
)
def test_two_servers_do_not_thank_each_other_for_ever(twistd, one, other, most):
    """Real daemons, each of which sees the other's greetings come from where its own go."""
    servers = [
        twistd("greet", "--message", message, "--listen", "udp:0:interface=127.0.0.1")
        for message in (one, other)
    ]
    began = time.monotonic()
    carried = carry(
        [server.port() for server in servers],
        lambda: any("does not answer 127.0.0.1: " in server.log() for server in servers),
    )
    # Where it is the limit that ends it, each may say more the longer it took.
    seconds = time.monotonic() - began
    more = 2 * (GreetDatagrams.max_answers or 0) * seconds if most > 1 else 0
    assert carried <= most + more
    for server in servers:
        server.stop()
    assert any("answers_withheld_total" in server.log() for server in servers)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [LOOPBACK, "unix:{directory}/socket"])
def test_a_crowd_that_waits_is_greeted(twistd, tmp_path, endpoint):
    """All who have connected before the server gets to them; its log has two lines for each."""
    server = twistd("greet", "--listen", endpoint.format(directory=tmp_path))
    unix = endpoint.startswith("unix")
    server.send_signal(signal.SIGSTOP)
    crowd = [socket.socket(socket.AF_UNIX if unix else socket.AF_INET) for _ in range(40)]
    for number, client in enumerate(crowd):
        client.settimeout(PATIENCE)
        client.connect(str(tmp_path / "socket") if unix else ("127.0.0.1", server.port()))
        if number % 2:
            client.sendall(b"hello\n")
    before = len(server.log().splitlines())
    server.send_signal(signal.SIGCONT)
    for client in crowd:
        assert client.recv(100) == b"Thank you for connecting\r\n"
        client.close()
    server.wait_until(lambda: server.log().count("Lost connection") == len(crowd), "all ends")
    assert len(server.log().splitlines()) == before + 2 * len(crowd)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("--stay",)])
@pytest.mark.parametrize("to", ["tcp", "udp"])
def test_it_passes_the_conformance_suite(arguments, to):
    """It goes through the conformance suite of the kit, as a stranger's would."""
    plugin = protocol_plugin(
        "greet", Greet, GreetOptions, datagrams=GreetDatagrams, state=GreetingState,
        listen=("tcp:8088", "udp:8088"),
    )  # fmt: skip
    conformance(plugin, b"hello\r\nquit\r\n", arguments=arguments, to=to)
