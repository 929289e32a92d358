"""The centre that is asked for all it has, and whoever else may answer in its place."""

import socket
import threading
import zlib
from collections.abc import Callable, Sequence

import pytest

from logsrv.kit.net.twisted.client_tls import TLSOptions, tls_context
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.inputs.blocks.client import CentreClient, CentreError, GoneError
from logsrv.linelog.inputs.blocks.state import CentreState, encode_state
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.store.segments.segment import Position
from tests.parts.certificates import Authority
from tests.parts.clocks import HandClock
from tests.parts.commands import serving
from tests.parts.ports import free_port
from tests.parts.strangers import at_most, endless, stranger

STATE = CentreState(32 * "a", Position(1, 0), (), (), (), ())


def answer(body: bytes, status: bytes = b"206 Partial", more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n" % (status, len(body))
    return head + b"Logsrv-CRC: %08x\r\n" % zlib.crc32(body) + more + b"\r\n" + body


def client(port: int, pauses: Sequence[float] = (), **how: object) -> CentreClient:
    url = parse_ship_url(f"http://127.0.0.1:{port}/far/blocks")
    return CentreClient(
        url=url,
        sleep=HandClock().sleep,
        token="geheim",
        seconds=PATIENCE,
        pauses=pauses,
        **how,  # type: ignore[arg-type]
    )


def replying(*answers: bytes, asked: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """A server for one request that sends these."""

    def handle(connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(65536)
        if asked is not None:
            asked.append(head)
        for answer in answers:
            connection.sendall(answer)

    return handle


def asked_of(*answers: bytes, ask: Callable[[CentreClient], object]) -> str:
    """What is said of a centre that answers so."""
    with serving(replying(*answers)) as port:
        asked = client(port)
        with pytest.raises(CentreError) as failed:
            ask(asked)
        asked.close()
    return str(failed.value)


def test_the_client_asks_for_parts_with_the_token():
    heads: list[bytes] = []
    with serving(replying(answer(b"abc"), asked=heads)) as port:
        found = client(port)
        assert found.fetch_piece("0000000001-20261120T061842Z.log.zst", 7, 10) == b"abc"
        found.close()
    with serving(replying(answer(encode_state(STATE), b"200 OK"), asked=heads)) as port:
        found = client(port)
        assert found.fetch_state() == STATE
        found.close()
    first, second = heads
    assert first.startswith(b"GET /far/blocks/store/0000000001-20261120T061842Z.log.zst HTTP/1.1")
    assert b"\r\nRange: bytes=7-9\r\n" in first
    assert b"\r\nAuthorization: Bearer geheim\r\n" in first
    assert second.startswith(b"GET /far/blocks/store HTTP/1.1") and b"Range" not in second


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (answer(b'{"error":"no"}', b"401 No"), "refuses the token: --token-file must name a file"),
        (answer(b'{"error":"gives \\u001b[2Jnothing"}', b"403 No"), r"gives \x1b[2Jnothing"),
        (answer(b"", b"302 Found", b"Location: http://evil/\r\n"), "redirects are not followed"),
        (answer(b"<h1>", b"404 No"), "answers with 404"),
        (answer(b"abcd"), "nothing, or more bytes"),
        (answer(b""), "nothing, or more bytes"),
        (answer(b"abc", b"200 OK"), "does not answer as a centre does"),
        (answer(b"abc").replace(b"Logsrv-CRC", b"Other"), "does not answer as a centre does"),
        (answer(b"abc").replace(b"\r\n\r\nabc", b"\r\n\r\nabd"), "checksum differs"),
        (answer(b"abc")[:-1], "its answer ended early"),
        (answer(b"", b"503 Later"), "it answers with 503"),
        (answer(b'{"error":"Input/output error"}', b"500 Oh"), "answers: Input/output error"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0"),
        (b"", "Remote end closed"),
        (answer(b'{"error": ["no"]}', b"404 No"), "answers with 404"),
        (answer(b"abc")[:-3], "ended early; give the same command again"),
    ],
)
def test_an_invalid_part_is_reported(sent, said):
    assert said in asked_of(sent, ask=lambda client: client.fetch_piece("4", 0, 3))


def test_what_is_gone_is_told_apart_from_a_path_where_nothing_is():
    with serving(replying(answer(b'{"error":"not here"}', b"404 No"))) as port:
        found = client(port)
        with pytest.raises(GoneError, match="not here"):
            found.fetch_piece("4", 0, 3)
        found.close()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]"])
def test_an_invalid_state_is_reported(body):
    assert "sends an invalid state: " in asked_of(
        answer(body, b"200 OK"), ask=CentreClient.fetch_state
    )


def test_a_temporary_failure_is_tried_again():
    """A broken connection, a busy centre or proxy, and a wrong checksum; then it is there."""
    wrong = answer(b"abc").replace(b"\r\n\r\nabc", b"\r\n\r\nabd")
    busy = [answer(b"", b"%d Later" % status) for status in (429, 502, 503, 504)]
    answers = [b"", *busy, wrong, answer(b"abc")]
    pauses = [0] * (len(answers) - 1)

    def serve(server: socket.socket) -> None:
        while answers:
            connection, _ = server.accept()
            with connection:
                replying(answers.pop(0))(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        found = client(server.getsockname()[1], pauses=pauses)
        assert found.fetch_piece("4", 0, 3) == b"abc"
        found.close()
        thread.join()


def test_a_centre_that_is_not_there_is_said():
    found = client(free_port(), pauses=(0,))
    with pytest.raises(CentreError, match="refused"):
        found.fetch_state()


def test_a_certificate_of_somebody_else_is_refused(tmp_path):
    for name in "ours", "theirs":
        (tmp_path / name).mkdir()
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with serving(lambda _: None, theirs.server_context("localhost")) as port:
        url = parse_ship_url(f"https://localhost:{port}/blocks")
        tls = tls_context(TLSOptions(cafile=ours.cafile))
        found = CentreClient(url=url, sleep=HandClock().sleep, tls=tls, pauses=())
        with pytest.raises(CentreError, match=r"the certificate of .* is refused"):
            found.fetch_state()


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
        endless(b"a: b\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
    ],
    ids=["1xx", "trailers"],
)
def test_a_centre_that_talks_on_is_left_after_a_while(answer):
    with stranger(answer) as centre:
        asked = client(centre.port, longest=1.0)
        with pytest.raises(CentreError, match="takes longer than 1 s for an answer; give the same"):
            asked.fetch_state()
        asked.close()


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"Content-Length: 2305843009213693952\r\n\r\n", b"a"),
        (b"Transfer-Encoding: chunked\r\n\r\n2000000000000000\r\n", b"a"),
    ],
    ids=["length", "chunk"],
)
def test_a_size_that_a_centre_says_takes_no_memory(head, what):
    with stranger(endless(what, b"HTTP/1.1 206 Partial\r\n" + head)) as centre:
        asked = client(centre.port)
        with at_most(16 << 20), pytest.raises(CentreError, match="sends nothing, or more bytes"):
            asked.fetch_piece("7", 0, 1 << 22)
        asked.close()
