"""Streams of NATS between real daemons: the centre gets each line once."""

import re
import shutil
import signal

import pytest

from tests.end_to_end.through_nats import arrives, in_nats, messages, of, send
from tests.parts.certificates import Authority
from tests.parts.nats_servers import (
    NatsServer,
    debian,
    newer,
    one_server,
    url_of,
)
from tests.parts.store_reader import stored_bytes


def publish(server: NatsServer, subject: str, text: bytes, headers: dict[str, str]) -> None:
    """Write a message to a stream, as a client that is not an edge."""
    in_nats(server, lambda streams: streams.publish(subject, text, headers=headers))


@pytest.mark.parametrize("program", [debian, newer])
def test_what_an_edge_has_is_in_the_centre_byte_by_byte(logger, homes, program):
    with one_server(program(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        send(edge, 0, 3000)
        edge.wait_until(lambda: "exactly once; the stream LOGS keeps" in edge.log(), "the promise")
        centre = logger(listen=[of([server])], directory=homes / "centre")
        arrives(centre, edge, 3000)
        send(edge, 3000, 4000)
        arrives(centre, edge, 4000)
        centre.wait_for_log("blocks of the stream LOGS are fetched, part 1 of 1")
        assert centre.stop() in (0, -signal.SIGTERM)
        send(edge, 4000, 5000)
        centre = logger(listen=[of([server])], directory=homes / "centre")
        arrives(centre, edge, 5000)
        assert len(edge.messages()) == 5000


@pytest.mark.slow
@pytest.mark.complains("does not follow")
def test_a_gap_is_refused_and_logged_until_operator_allows_it(logger, homes):
    """The stream has dropped messages that the centre did not fetch in time."""
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        centre = logger(listen=[of([server])], directory=homes / "centre")
        send(edge, 0, 100)
        arrives(centre, edge, 100)
        before = stored_bytes(centre.store)
        assert centre.stop() in (0, -signal.SIGTERM)
        for begin in 100, 200:
            send(edge, begin, begin + 100)
            messages(server, begin // 100 + 1)
        in_nats(server, lambda streams: streams.purge_stream("LOGS", keep=1))
        centre = logger(listen=[of([server])], directory=homes / "centre")
        centre.wait_until(lambda: "does not follow" in centre.log(), "the refusal")
        centre.wait_for_log("let this listener skip them with holes=pass")
        assert stored_bytes(centre.store) == before
        assert centre.stop() in (0, -signal.SIGTERM)
        centre = logger(listen=[of([server], ":holes=pass")], directory=homes / "centre")
        centre.wait_until(lambda: len(centre.messages()) == 200, "the last hundred")
        assert re.search(r"has lost \d+ bytes from 1:\d+ to 1:\d+, so", centre.log())
        assert [one.decode() for one in centre.messages()] == [
            f"line {number}" for number in (*range(100), *range(200, 300))
        ]


@pytest.mark.slow
@pytest.mark.complains("is no block of the store")
def test_a_message_that_is_not_a_block_is_refused_and_logged(logger, homes):
    """A client that may write to the stream may write any bytes."""
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        send(edge, 0, 100)
        messages(server, 1)
        for headers in {}, {"Logsrv-Format": "1", "Logsrv-Store": 32 * "c"}:
            publish(server, f"logs.{32 * 'b'}", b"\x1b[31mred\n", headers)
        centre = logger(listen=[of([server])], directory=homes / "centre")
        arrives(centre, edge, 100)
        centre.wait_until(lambda: "is no block of the store bbbb" in centre.log(), "the refusal")
        assert "\x1b" not in centre.log()


@pytest.mark.slow
def test_a_centre_with_a_certificate_and_a_token(logger, homes):
    authority = Authority(homes)
    theirs, ours = authority.certify("localhost"), authority.certify("centre")
    files = f'cert_file: "{theirs}", key_file: "{theirs}", ca_file: "{authority.cafile}"'
    config = f"tls {{ {files}, verify: true }}\nauthorization {{ token: geheim }}\n"
    (homes / "token").write_text("geheim\n")
    with one_server(newer(), homes, config) as server:
        where = f"localhost:{server.port}/LOGS"
        edge = logger(
            *("--ship", f"nats+tls://{where}", "--ship-token-file", str(homes / "token")),
            *("--ship-ca", str(authority.cafile), "--ship-cert", str(ours)),
            directory=homes / "edge",
        )
        centre = logger(
            *("--input-token-file", str(homes / "token")),
            listen=[f"nats:{where}:ca={authority.cafile}:cert={ours}"],
            directory=homes / "centre",
        )
        send(edge, 0, 100)
        arrives(centre, edge, 100)
        for one in edge, centre:
            assert "geheim" not in one.log()


@pytest.mark.slow
def test_a_stream_that_has_lost_everything_gets_what_comes_from_then_on(logger, homes):
    with one_server(newer(), homes) as server:
        edge = logger("--ship", url_of([server]), directory=homes / "edge")
        send(edge, 0, 100)
        messages(server, 1)
        server.kill()
        shutil.rmtree(homes / "alone" / "data")
        server.start()
        server.wait()
        send(edge, 100, 200)
        edge.wait_until(lambda: "has nothing of this store" in edge.log(), "that it is said")
        centre = logger(listen=[of([server])], directory=homes / "centre")
        centre.wait_until(lambda: len(centre.messages()) == 100, "the newest lines")
        assert centre.messages()[-1] == b"line 199"
