"""`logsrv connect` in scripts: standard input is sent, what comes back is written out."""

import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.commands import LOGSRV, echo, logsrv, serving, serving_unix
from tests.parts.ports import free_port


def reset(connection: socket.socket) -> None:
    """Break off without closing."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def talking(*words: str, **how: Any) -> subprocess.Popen[bytes]:
    """One whose input a test ends when it has seen what it waits for: silence behind that is counted."""
    command = [*LOGSRV, "connect", *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how)


def test_input_is_sent_and_answers_are_shown_until_the_server_closes():
    """The server learns of the end of the input, answers, closes: status 0."""
    with serving(echo) as port:
        talk = logsrv("connect", f"127.0.0.1:{port}", input=b"one\ntwo")
    assert (talk.returncode, talk.stdout, talk.stderr) == (0, b"one\ntwo", b"")


@pytest.mark.slow
def test_control_characters_are_escaped_and_telnet_is_refused():
    said = bytearray()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"\xff\xfd\x18hello \x1b[31m\r\n")
        while data := connection.recv(100):
            said.extend(data)

    with serving(serve) as port, talking("--wait", "0.2", f"localhost:{port}") as talk:
        assert talk.stdin is not None and talk.stdout is not None
        # Before the input ends: behind it no answer could be sent.
        assert talk.stdout.readline() == b"hello \\x1b[31m\n"
        talk.stdin.write(b"x\n")
        talk.stdin.close()
        assert talk.stdout.read() == b""
    assert bytes(said) == b"\xff\xfc\x18x\n"


def test_raw_output_is_the_servers_bytes_unchanged():
    """A file sent through an echo server is the same file, however large."""
    data = os.urandom(3_000_000)
    with serving(echo) as port:
        talk = logsrv("connect", "--raw", f"127.0.0.1:{port}", input=data)
    assert talk.stdout == data


def test_hex_output_shows_both_sides_bytes():
    with serving(echo) as port:
        talk = logsrv("connect", "--hex", "--crlf", f"127.0.0.1:{port}", input=b"hi\n")
    lines = talk.stdout.decode().splitlines()
    assert [line[:23] for line in lines] == ["> 00000000  68 69 0d 0a", "< 00000000  68 69 0d 0a"]


@pytest.mark.parametrize(("option", "sent"), [("--crlf", b"a\r\nb\r\n"), ("--lf", b"a\nb\n")])
def test_crlf_and_lf_set_the_endings_of_sent_lines(option, sent):
    with serving(echo) as port:
        talk = logsrv("connect", "--raw", option, f"127.0.0.1:{port}", input=b"a\r\nb\n")
    assert talk.stdout == sent


@pytest.mark.slow
def test_wait_ends_the_conversation_after_silence():
    """A server that does not care for the end of the input is not waited for."""
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"hello\n")
        done.wait(PATIENCE)

    with serving(serve) as port, talking("--wait", "0.3", f"127.0.0.1:{port}") as talk:
        assert talk.stdin is not None and talk.stdout is not None
        assert talk.stdout.readline() == b"hello\n"
        talk.stdin.close()
        assert talk.stdout.read() == b""
        assert talk.wait(PATIENCE) == 0
        done.set()


@pytest.mark.slow
def test_it_ends_when_the_server_closes_though_the_input_goes_on():
    with serving(lambda connection: connection.sendall(b"bye\n")) as port:
        reader, writer = os.pipe()
        with os.fdopen(writer, "wb"):
            talk = subprocess.run(
                [*LOGSRV, "connect", f"127.0.0.1:{port}"],
                stdin=reader, capture_output=True, timeout=PATIENCE,
            )  # fmt: skip
        os.close(reader)
    assert (talk.returncode, talk.stdout) == (0, b"bye\n")


@pytest.mark.slow
def test_ctrl_c_ends_with_status_130():
    """Ctrl-C: status 130."""
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
        talk = logsrv("connect", f"unix:{tmp_path}/s", input=b"hello\n")
    assert (talk.returncode, talk.stdout) == (0, b"hello\n")


@pytest.mark.slow
def test_each_line_is_a_udp_datagram():
    """Each line is a datagram, and so is each answer; a second of silence ends it."""
    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)

        def serve() -> None:
            for _ in range(2):
                data, peer = server.recvfrom(100)
                got.append(data)
                server.sendto(data.upper(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        with talking(f"udp:127.0.0.1:{server.getsockname()[1]}") as talk:
            assert talk.stdin is not None and talk.stdout is not None
            talk.stdin.write(b"one\ntwo\n")
            talk.stdin.flush()
            assert [talk.stdout.readline() for _ in range(2)] == [b"ONE\n", b"TWO\n"]
            talk.stdin.close()
            assert talk.stdout.read() == b""
            assert talk.wait(PATIENCE) == 0
        thread.join()
    assert got == [b"one", b"two"]


@pytest.mark.slow
def test_a_server_can_answer_unix_datagrams(tmp_path):
    """The server can answer; nothing is left behind; more than the socket holds is not lost."""
    count = 2000
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "s"))
        server.settimeout(PATIENCE)
        process = talking(f"unixgram:{tmp_path}/s", env={**os.environ, "TMPDIR": str(tmp_path)})
        assert process.stdin is not None
        process.stdin.write(b"".join(b"%d\n" % number for number in range(count)))
        process.stdin.flush()
        for number in range(count):
            data, peer = server.recvfrom(100)
            assert data == b"%d" % number
        server.sendto(b"thanks", peer)
        assert process.stdout is not None
        assert process.stdout.readline() == b"thanks\n"
        process.stdin.close()
        assert process.stdout.read() == b""
        process.stdout.close()
    assert process.wait(PATIENCE) == 0
    assert os.listdir(tmp_path) == ["s"]


def test_a_client_endpoint_string_of_twisted_connects():
    with serving(echo) as port:
        talk = logsrv("connect", f"tcp:host=127.0.0.1:port={port}", input=b"x\n")
    assert talk.stdout == b"x\n"


def failure(*words: str, input: bytes = b"") -> str:
    """The sentence with which it fails."""
    talk = logsrv("connect", *words, input=input)
    assert talk.returncode == 1
    assert talk.stdout == b""
    assert talk.stderr.count(b"\n") == 1
    return talk.stderr.decode().strip().removeprefix("logsrv connect: ")


def test_a_refused_connection_is_reported():
    port = free_port()
    sentence = f"127.0.0.1:{port} refused the connection: nothing listens there"
    assert failure(f"127.0.0.1:{port}") == sentence
    assert failure(f"udp:127.0.0.1:{port}", input=b"x\n") == sentence


def test_an_unknown_host_is_reported():
    assert failure("nobody.invalid:1") == "there is no host named nobody.invalid"
    assert failure("udp:nobody.invalid:1") == "there is no host named nobody.invalid"


def test_a_missing_unix_socket_is_reported(tmp_path):
    assert failure(f"unix:{tmp_path}/no") == f"there is no socket {tmp_path}/no"
    assert failure(f"unixgram:{tmp_path}/no") == f"there is no socket {tmp_path}/no"


def test_a_unix_socket_of_the_other_kind_is_reported(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "s"))
        assert f"write unixgram:{tmp_path}/s" in failure(f"unix:{tmp_path}/s")


def test_a_reset_connection_is_reported():
    with serving(reset) as port:
        sentence = failure(f"127.0.0.1:{port}", input=b"x\n")
    assert sentence == f"127.0.0.1:{port} broke the connection off without closing it"


def test_a_server_without_an_answer_to_tls_times_out():
    """A server that accepts but never answers a TLS hello."""
    done = threading.Event()

    def accept(connection: socket.socket) -> None:
        done.wait(PATIENCE)

    with serving(accept) as port:
        sentence = failure("--timeout", "0.5", f"tls:127.0.0.1:{port}")
        done.set()
    assert sentence == f"no answer from 127.0.0.1:{port} within 0.5 s"


def test_raw_and_hex_exclude_each_other():
    assert failure("--raw", "--hex", "localhost:1") == "--raw and --hex exclude each other"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def answer_once(connection: socket.socket) -> None:
    connection.sendall(connection.recv(100))
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap()


def cut_off(connection: socket.socket) -> None:
    connection.sendall(connection.recv(100))


def test_a_conversation_over_tls_with_the_authoritys_certificate(authority):
    """With the authority's certificate, the conversation is as any other."""
    with serving(answer_once, authority.server_context("localhost")) as port:
        talk = logsrv(
            "connect", f"tls:localhost:{port}", "--cafile", str(authority.cafile), input=b"hello\n"
        )
    assert (talk.returncode, talk.stdout, talk.stderr) == (0, b"hello\n", b"")


def test_tls_that_ends_without_a_close_is_an_error(authority):
    """Without TLS's own close nobody knows whether that was all."""
    trust = ("--cafile", str(authority.cafile))
    with serving(cut_off, authority.server_context("localhost")) as port:
        talk = logsrv("connect", f"tls:localhost:{port}", *trust, input=b"hello\n")
    assert (talk.returncode, talk.stdout) == (1, b"hello\n")
    assert b"ended without closing TLS: something may be missing" in talk.stderr


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    with serving(answer_once, authority.server_context("localhost")) as port:
        sentence = failure(f"tls:localhost:{port}", input=b"secret\n")
    assert sentence.startswith(f"the certificate of localhost:{port} is not to be trusted")


def test_another_name_in_a_certificate_is_refused(authority):
    """Refused, unless --server-name says that this is who is meant."""
    where = ("--cafile", str(authority.cafile))
    with serving(answer_once, authority.server_context("somebody.example")) as port:
        sentence = failure(f"tls:localhost:{port}", *where, input=b"secret\n")
    assert "names somebody else" in sentence
    with serving(answer_once, authority.server_context("somebody.example")) as port:
        meant = ("--server-name", "somebody.example")
        talk = logsrv("connect", f"tls:localhost:{port}", *where, *meant, input=b"hello\n")
    assert talk.stdout == b"hello\n"


def test_nothing_is_sent_before_the_certificate_was_checked(authority):
    heard = []
    context = authority.server_context("somebody.example")
    with serving(lambda connection: heard.append(connection.recv(100)), context) as port:
        failure(f"tls:localhost:{port}", "--cafile", str(authority.cafile), input=b"secret\n")
    assert heard in ([], [b""])


def test_insecure_accepts_any_certificate(authority):
    with serving(answer_once, authority.server_context("somebody.example")) as port:
        talk = logsrv("connect", "--insecure", f"tls:localhost:{port}", input=b"hello\n")
    assert talk.stdout == b"hello\n"


def test_a_client_certificate_is_shown_to_the_server(authority):
    own = authority.certify("me.example")
    trust = ("--cafile", str(authority.cafile))
    with serving(answer_once, authority.server_context("localhost", clients=True)) as port:
        talk = logsrv(
            "connect", f"tls:localhost:{port}", *trust, "--certificate", str(own), input=b"hello\n"
        )
    assert talk.stdout == b"hello\n"
    with serving(answer_once, authority.server_context("localhost", clients=True)) as port:
        talk = logsrv("connect", f"tls:localhost:{port}", *trust, input=b"hello\n")
    assert (talk.returncode, talk.stdout) == (1, b"")


def plain(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")
    connection.recv(1000)


def test_a_server_that_does_not_speak_tls_is_reported():
    with serving(plain) as port:
        sentence = failure("--insecure", f"tls:127.0.0.1:{port}")
    assert sentence == f"127.0.0.1:{port} does not speak TLS; write tcp:127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--cafile", "/no/such"], "the CA file /no/such: No such file or directory"),
        (["--cafile", "/dev/null"], "the CA file /dev/null: has no certificate in PEM format"),
        (["--certificate", "/dev/null"], "/dev/null: not a certificate with its key in PEM format"),
        (["--key", "/dev/null"], "--key is the key of a --certificate, which is missing"),
    ],
)
def test_certificate_files_that_are_none_are_reported(words, sentence):
    assert failure("tls:localhost:1", *words).startswith(sentence)


def test_certificate_options_without_tls_are_refused():
    """An option that would do nothing is refused: somebody believes to be safe."""
    assert "certificates go with tls:HOST:PORT" in failure("localhost:1", "--cafile", "x")
