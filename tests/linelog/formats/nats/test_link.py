"""Tests for the connection to servers of NATS: real ones that go, hang and come back."""

import asyncio
import base64
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.msg import Msg

from logsrv.errors import ConfigurationError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.formats.nats import link
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.link import NatsLink, read_jetstream_answer
from logsrv.linelog.formats.nats.login import (
    nats_login_options,
    read_nats_credentials,
    read_nats_login,
)
from logsrv.linelog.formats.nats.streams import StreamFacts, subject_matches
from logsrv.reactor import AsyncioThread, cancel_until_ended
from tests.parts.nats_servers import newer, one_server
from tests.parts.nkeys import USER, NatsKey, credentials
from tests.parts.own_sockets import connected_sockets
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR
from tests.parts.waits import join


@asynccontextmanager
async def linked(*ports: int) -> AsyncIterator[tuple[Callable[..., Any], NatsLink]]:
    """A link to servers at these ports, and what runs a coroutine in its thread."""
    thread = AsyncioThread(REACTOR, "test")
    one = NatsLink([("127.0.0.1", port) for port in ports], {}, None)
    yield thread.run_coroutine, one
    await thread.run_coroutine(one.close)
    await thread.stop()


async def test_the_next_server_is_taken_when_one_is_gone(tmp_path):
    with one_server(newer(), tmp_path) as server:
        async with linked(free_port(), server.port) as (run, one):
            await run(one.connect_if_needed)
            assert "version" in one.server_info
            [sock] = connected_sockets(theirs=server.port)
            with sock:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert (await run(lambda: one.ask_jetstream("INFO")))["memory"] == 0
            server.kill()
            with pytest.raises(NatsTrouble):
                await run(lambda: one.ask_jetstream("INFO"))
            with pytest.raises(NatsTrouble, match="Connection refused"):
                await run(one.connect_if_needed)


@contextmanager
def greeting_server(greeting: bytes) -> Iterator[int]:
    """Send these bytes to each client and end its connection; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "greeting", [b"INFO " + b"{" * 200_000, b"INFO []\r\n", b"\x1b[2J\xff\r\n", b""]
)
async def test_a_server_that_does_not_speak_nats_is_a_sentence(greeting):
    with greeting_server(greeting) as port:
        async with linked(port) as (run, one):
            with pytest.raises(NatsTrouble) as told:
                await run(one.connect_if_needed)
    assert str(told.value).startswith(f"127.0.0.1:{port}: ") and "\x1b" not in str(told.value)


def test_a_cancelled_try_leaves_no_connection():
    """A server that says nothing, as a stop finds it."""

    async def try_it(port: int, server: socket.socket) -> bytes:
        one, loop = NatsLink([("127.0.0.1", port)], {}, None), asyncio.get_running_loop()
        trying = asyncio.create_task(one.connect_if_needed())
        connection, _ = await loop.sock_accept(server)
        with connection:
            # Sent when the client waits for it or before; it waits for a PONG then.
            await loop.sock_sendall(connection, b"INFO {}\r\n")
            said = b""
            while b"PING" not in said:
                said += await loop.sock_recv(connection, 1000)
            await cancel_until_ended([trying])
            return await asyncio.wait_for(loop.sock_recv(connection, 1000), PATIENCE)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        assert asyncio.run(try_it(server.getsockname()[1], server)) == b""


async def test_a_server_that_lets_in_and_goes_is_a_sentence():
    """Whether the end is seen by the one who connects or by the one who asks is up to the kernel."""
    with greeting_server(b"INFO {}\r\nPONG\r\n") as port:
        async with linked(port) as (run, one):

            async def use() -> None:
                await one.connect_if_needed()
                await one.ask_jetstream("INFO")

            with pytest.raises(NatsTrouble, match=r"reset|ended|[Bb]roken|closed"):
                await run(use)


async def test_a_server_that_hangs_is_let_go_of(tmp_path, monkeypatch):
    with one_server(newer(), tmp_path) as server:
        async with linked(server.port) as (run, one):
            await run(one.connect_if_needed)
            server.signal(signal.SIGSTOP)
            with monkeypatch.context() as patch:
                patch.setattr(link, "SOON", 0.2)
                patch.setattr(link, "SLOW", 1)
                with pytest.raises(NatsTrouble, match="no answer"):
                    await run(lambda: one.ask_jetstream("INFO"))
            server.signal(signal.SIGCONT)
            with pytest.raises(NatsTrouble, match="has ended"):
                await run(lambda: one.ask_jetstream("INFO"))
            await run(one.connect_if_needed)
            await run(lambda: one.ask_jetstream("INFO"))


async def test_an_error_while_closing_still_ends_the_connection(tmp_path):
    """What was still to be written when the connection broke."""
    with one_server(newer(), tmp_path) as server:
        async with linked(server.port) as (run, one):
            await run(one.connect_if_needed)

            async def drain() -> None:
                raise ConnectionResetError

            async def break_off() -> None:
                transport = one.connected_client._transport
                assert transport is not None
                transport.drain = drain  # type: ignore[method-assign]
                one.connected_client._pending_data_size = 1
                server.kill()
                await asyncio.wait_for(one.ended_event.wait(), PATIENCE)

            await run(break_off)
            server.start()
            server.wait()
            await run(one.connect_if_needed)
            await run(lambda: one.ask_jetstream("INFO"))


@contextmanager
def slow_server() -> Iterator[int]:
    """Answer a question when it is asked whether that was read; say that it was with the next answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                connection.sendall(b'INFO {"headers": true, "max_payload": 1000}\r\n')
                held, owed, inbox, first = b"", b"", b"", True
                for line in connection.makefile("rb"):
                    words = line.split()
                    if words[:1] == [b"SUB"]:
                        inbox = words[-1]
                    elif words[:1] == [b"HPUB"]:
                        answer = b"MSG %b %b 2\r\n{}\r\n" % (words[2], inbox)
                        if first:
                            held, first = answer, False
                        else:
                            connection.sendall(owed + answer)
                            owed = b""
                    elif words == [b"PING"] and held:
                        connection.sendall(held)
                        held, owed = b"", b"PONG\r\n"
                    elif words == [b"PING"]:
                        connection.sendall(b"PONG\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        join(thread)


async def test_a_slow_answer_is_not_the_last_one(monkeypatch):
    """nats-py reads no more, and says nothing, if nobody waits any longer for what it had asked."""
    with slow_server() as port:
        async with linked(port) as (run, one):
            await run(one.connect_if_needed)
            with monkeypatch.context() as patch:
                patch.setattr(link, "SOON", 0.01)
                assert await run(lambda: one.ask_jetstream("INFO")) == {}
            assert await run(lambda: one.ask_jetstream("INFO")) == {}


async def test_a_connection_that_is_just_ending_is_opened_anew(tmp_path):
    with one_server(newer(), tmp_path) as server:
        async with linked(server.port) as (run, one):
            await run(one.connect_if_needed)

            async def again() -> None:
                ending = asyncio.ensure_future(one.connected_client.close())
                await asyncio.sleep(0)
                assert not one.ended_event.is_set()
                await one.connect_if_needed()
                await one.ask_jetstream("INFO")
                await ending

            await run(again)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_an_answer_that_jetstream_does_not_give_is_an_error(data):
    with pytest.raises(NatsTrouble, match="does not come from JetStream"):
        read_jetstream_answer(Msg(cast(Any, None), data=data))


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("logs.*", True),
        ("logs.>", True),
        ("*.*", True),
        (">", True),
        ("logs.abc", True),
        ("logs", False),
        ("logs.*.*", False),
        ("logs.abc.>", False),
        ("else.*", False),
    ],
)
def test_a_subject_pattern_with_wildcards_covers_subjects(pattern, covered):
    assert subject_matches(pattern, "logs.abc") is covered


def test_a_cluster_of_older_servers_promises_at_least_once():
    alone = StreamFacts("LOGS", "2.9.10", clustered=False, replicas=1, file=True)
    together = StreamFacts("LOGS", "2.9.10", clustered=True, replicas=3, file=True)
    newer = StreamFacts("LOGS", "2.15.1", clustered=True, replicas=3, file=True)
    assert alone.promise.startswith(
        "exactly once; the stream LOGS keeps them on 1 server; a power cut of"
    )
    assert together.promise.startswith("at least once: nats-server 2.9.10 may take two blocks")
    assert newer.promise.startswith("exactly once; the stream LOGS keeps them on 3 servers;")
    for one in alone, together, newer:
        assert "sync_interval" in one.promise


def test_the_promise_says_if_a_stream_is_only_in_memory():
    facts = StreamFacts("LOGS", "2.15.1", clustered=False, replicas=1, file=False)
    assert "in memory: they are gone when the servers end" in facts.promise


def test_a_server_that_does_not_say_its_version_is_an_old_one():
    assert "at least once" in StreamFacts("LOGS", "", clustered=True, replicas=3, file=True).promise


SECRET = bytes(range(32))


def test_a_secret_becomes_a_token_or_a_password_of_nats():
    assert nats_login_options("geheim", None) == {"token": "geheim"}
    assert nats_login_options("geheim", "edge") == {"user": "edge", "password": "geheim"}
    assert nats_login_options(None, None) == {}


def test_credentials_sign_what_the_server_says(tmp_path):
    path = tmp_path / "edge.creds"
    path.write_text(credentials("eyJ0eXAi.eyJqdGki.c2ln", NatsKey(USER, SECRET)))
    text = read_nats_login(path)
    options = nats_login_options(text, None)
    assert options.keys() == {"user_jwt_cb", "signature_cb"}
    assert options["user_jwt_cb"]() == b"eyJ0eXAi.eyJqdGki.c2ln"
    signature = base64.b64decode(options["signature_cb"]("nonce"))
    Ed25519PrivateKey.from_private_bytes(SECRET).public_key().verify(signature, b"nonce")


def test_a_token_file_is_read_for_a_login_at_nats(tmp_path):
    (tmp_path / "token").write_text("geheim\n")
    assert read_nats_login(tmp_path / "token") == "geheim"
    assert read_nats_login(None) is None


def test_a_useless_token_file_is_a_configuration_error(tmp_path):
    damaged = tmp_path / "damaged.creds"
    whole = credentials("a.b.c", NatsKey(USER, SECRET))
    damaged.write_text(whole.replace("SEED-----\nS", "SEED-----\nT"))
    with pytest.raises(ConfigurationError, match="no key that can sign"):
        read_nats_login(damaged)
    with pytest.raises(ConfigurationError, match="has no credentials"):
        read_nats_credentials(Path("/dev/null"))
    with pytest.raises(ConfigurationError, match="absent"):
        read_nats_login(tmp_path / "absent")
