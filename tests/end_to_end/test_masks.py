"""--mask and --drop on the real daemon, with clients of each kind: no file has what must not be stored."""

import gzip
import json
import logging
import logging.handlers
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import msgpack
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as otlp_logs

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK, Logger, reload
from tests.parts.messages import ACKED, JSON, NDJSON, PROTOBUF, forward, packed, posted, window

CARD = "4111111111111111"
MASK = ("--mask", r"/\b\d{16}\b/")
OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"
LISTEN = [
    LOOPBACK,
    "udp:0:interface=127.0.0.1",
    "relp:tcp:0:interface=127.0.0.1",
    "http:tcp:0:interface=127.0.0.1",
]


def files_with(store: Path, text: str) -> list[Path]:
    """Return the files of a store that have `text` somewhere, compressed ones as they are."""
    files = [one for one in store.rglob("*") if one.is_file() and not one.is_symlink()]
    assert files
    return [one for one in files if text.encode() in one.read_bytes()]


def send_datagram(server: Logger, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(data, ("127.0.0.1", server.ports()[1]))


def relp(server: Logger, *messages: str) -> bytes:
    """Send messages by RELP; return the answers to them."""
    with server.connect(2) as connection:
        answers = connection.makefile("rb")
        connection.sendall(OPEN)
        assert b"200 OK" in answers.readline()
        while not answers.readline().startswith(b"commands="):
            pass
        for number, text in enumerate(messages, 2):
            connection.sendall(b"%d syslog %d %b\n" % (number, len(text), text.encode()))
        return b"".join(answers.readline() for _ in messages)


def post(server: Logger, *lines: str) -> dict[str, int]:
    body = "".join(f"{line}\n" for line in lines).encode()
    url = f"http://127.0.0.1:{server.ports()[3]}/"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PATIENCE) as answer:
        found: dict[str, int] = json.load(answer)
        return found


def test_no_file_of_the_store_has_a_byte_of_what_is_masked(logger):
    server = logger(*MASK, "--sync", "always", listen=LISTEN)
    with server.connect() as connection:
        # In two segments: the line is whole before it is masked.
        connection.sendall(f"tcp {CARD[:9]}".encode())
        server.send(b"another connection\n")
        server.wait_for_messages(1)
        connection.sendall(f"{CARD[9:]} paid\nlast {CARD}".encode())
    send_datagram(server, f"udp {CARD}".encode())
    assert relp(server, f"<13>relp {CARD}") == b"2 rsp 6 200 OK\n"
    assert post(server, json.dumps({"card": int(CARD), "text": f"http {CARD}"}))["accepted"] == 1
    found = server.wait_for_messages(6)
    assert sorted(found) == sorted(
        [
            b"another connection",
            b"tcp (masked) paid",
            b"last (masked)",
            b"udp (masked)",
            b"<13>relp (masked)",
            b'{"card": "(masked)", "text": "http (masked)"}',
        ]
    )
    assert not files_with(server.store, CARD[:9])
    assert server.stop() in (0, -signal.SIGTERM)
    assert not files_with(server.store, CARD[:9])
    assert CARD[:9] not in server.log()


@pytest.mark.parametrize("filling", ["", "x" * 85])
def test_the_log_quotes_nothing_that_is_masked(logger, filling):
    """Also not the half of it at the end of a quote that was cut."""
    server = logger("--mask", f"/{CARD}/", listen=LISTEN)
    url = f"http://127.0.0.1:{server.ports()[3]}/{filling}{CARD}"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(urllib.request.Request(url, b"x"), timeout=PATIENCE)
    server.wait_for_log("nothing at .*masked")
    assert CARD[:9] not in server.log()


def test_what_is_dropped_is_acknowledged_and_told_in_the_log(logger):
    """Their senders have done all that they should: none sends it again."""
    server = logger(
        "--drop", "level=debug", "--drop", "path=/health", "--sync", "always", listen=LISTEN
    )
    server.send(b"level=debug a=1\nkept by tcp\n")
    send_datagram(server, b"level=debug a=1")
    answers = relp(server, "level=debug a=1", "kept by relp", "level=debug a=2")
    assert answers == b"".join(b"%d rsp 6 200 OK\n" % number for number in (2, 3, 4))
    access = '1.2.3.4 - - [30/Nov/2026:08:00:00 +0000] "GET /health HTTP/1.1" 200 5 "-" "-"'
    assert post(server, '{"level":"debug"}', access, '{"level":"debug","cut"')["accepted"] == 3
    server.wait_for_messages(3)
    server.stop()
    # The last one is no object, so it has no level.
    assert sorted(server.messages()) == sorted(
        [b"kept by tcp", b"kept by relp", b'{"level":"debug","cut"']
    )
    assert "a line is not stored, because --drop says so" in server.log()


@pytest.mark.slow
def test_a_reload_changes_masks_of_open_connections(logger, tmp_path):
    config = tmp_path / "logsrv.toml"
    config.write_text('[[listener]]\nlisten = "tcp:0:interface=127.0.0.1"\n')
    server = logger("--config", str(config), listen=[])
    with server.connect() as connection:
        # Half a line is there before the mask is, which holds for the line.
        connection.sendall(b"bob 1\nbo")
        server.wait_for_messages(1)
        config.write_text('mask = "/bob/"\n[[listener]]\nlisten = "tcp:0:interface=127.0.0.1"\n')
        reload(server)
        connection.sendall(b"b 2\n")
        server.wait_for_messages(2)
        config.write_text('mask = "/bob(/"\n[[listener]]\nlisten = "tcp:0:interface=127.0.0.1"\n')
        reload(server, "reload refused")
        connection.sendall(b"bob 3\n")
        server.wait_for_messages(3)
    assert server.messages() == [b"bob 1", b"(masked) 2", b"(masked) 3"]


FORMATS = ("lumberjack", "forward", "python", "gelf", "syslog", "http")


def structured_messages() -> dict[str, list[bytes]]:
    """Return messages of each format that have the number in texts and numbers, names and options."""
    record = {"message": f"a\n{CARD}", "card": int(CARD), CARD: "b", "list": [{"c": CARD}]}
    text = json.dumps(record).encode()
    gelf = json.dumps({"short_message": f"m {CARD}", "_card": int(CARD)}).encode()
    entries = msgpack.packb([1, record]) * 2
    options = {"compressed": "gzip", **ACKED}
    otlp = otlp_logs.ExportLogsServiceRequest()
    scope = otlp.resource_logs.add().scope_logs.add()
    scope.log_records.add(time_unix_nano=1).body.string_value = f"otlp {CARD}"
    loki = {"streams": [{"stream": {"card": CARD}, "values": [["1", f"m {CARD}"]]}]}
    bulk = json.dumps({"index": {"_index": CARD}}).encode() + b"\n" + text + b"\n"
    return {
        "lumberjack": [window(text), b"2W\0\0\0\1" + packed(window(text)[6:])],
        "forward": [
            forward(CARD, gzip.compress(entries), options),
            forward("tag", entries, {"chunk": CARD}),
            forward("tag", f"no record {CARD}".encode(), ACKED),
        ],
        "gelf": [gelf + b"\0", b"no object " + CARD.encode() + b"\0"],
        "syslog": [
            b"25 <13>card %b" % CARD.encode(),
            b"<13>a\0%b\xff%b\n" % ((CARD.encode(),) * 2),
        ],
        "http": [
            posted("/loki/api/v1/push", JSON, loki),
            posted("/_bulk", f"{NDJSON} gzip", bulk),
            posted("/v1/logs", PROTOBUF, otlp.SerializeToString()),
            posted("/services/collector", JSON, {"event": record, "fields": {"card": CARD}}),
            posted("/", JSON, [record] * 1000),
        ],
        # A handler of Python's own sends it.
        "python": [],
    }


@pytest.mark.slow
def test_no_format_brings_a_number_past_a_mask(logger):
    listens = [f"{name}:tcp:0:interface=127.0.0.1" for name in FORMATS]
    server = logger(
        "--mask", r"/\d{16}/", listen=[*listens, "gelf:udp:0:interface=127.0.0.1", LOOPBACK]
    )
    *ports, gelf_port, _ = server.ports()
    found = structured_messages()
    for name, port in zip(FORMATS, ports, strict=True):
        for message in found[name]:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as sender:
                sender.sendall(message)
                sender.shutdown(socket.SHUT_WR)
                sender.makefile("rb").read()
    handler = logging.handlers.SocketHandler("127.0.0.1", ports[FORMATS.index("python")])
    handler.emit(logging.makeLogRecord({"msg": "card %s", "args": (CARD,), "name": CARD}))
    handler.close()
    data = gzip.compress(json.dumps({"short_message": f"udp {CARD}"}).encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number, part in enumerate((data[:20], data[20:])):
            chunk = b"\x1e\x0fABCDEFGH" + bytes((number, 2)) + part
            sender.sendto(chunk, ("127.0.0.1", gelf_port))
    server.send(b"x" * 300_000 + b" " + CARD.encode() + b" end\n", -1)
    server.wait_until(
        lambda: all(mark in server.current.read_bytes() for mark in (b"udp (", b"(masked) end")),
        "the last messages",
    )
    server.stop()
    stored = b"\n".join(server.messages())
    assert stored.count(b"(masked)") > 1000
    assert not files_with(server.store, CARD[:9])
    assert CARD[:9] not in server.log()
