"""The `forward` input with Fluentd's own clients, and with a shared key."""

import json
import shutil
import signal
import subprocess

import msgpack
import pytest
from fluent.sender import FluentSender

from logsrv.kit.testing.patience import PATIENCE

FORWARD = "forward:tcp:0:interface=127.0.0.1"
RECORDS = [
    {"n": number, "text": "grüße\nin two lines \U0001f600", "deep": {"list": [1, None, 2.5]}}
    for number in range(999)
] + [{"n": 999, "text": "x" * 20_000}]


def test_a_thousand_records_of_fluent_logger(logger):
    """Each record is stored once, in order, with its fields."""
    server = logger(listen=[FORWARD])
    sender = FluentSender("app", port=server.port(), host="127.0.0.1", nanosecond_precision=True)
    for record in RECORDS:
        assert sender.emit("web", record), sender.last_error
    sender.close()
    found = [json.loads(line) for line in server.wait_for_messages(1000)]
    for one in found:
        assert one.pop("tag") == "app.web"
        assert len(one.pop("time")) == len("2026-11-20T20:23:19.123456789Z")
    assert found == RECORDS


def chunk_of(number: int, first: int, size: int) -> bytes:
    """Return a chunk of `size` numbered entries."""
    entries = b"".join(
        msgpack.packb([1_700_000_000, {"n": n, "pad": "x" * 60}])
        for n in range(first, first + size)
    )
    return bytes(msgpack.packb(["t", entries, {"size": size, "chunk": f"c{number}"}]))


def test_lines_of_fluent_bit_are_stored(logger, tmp_path):
    """fluent-bit sends lines of a file, with acknowledgement, gzip and a shared key."""
    command = shutil.which("fluent-bit", path="/opt/fluent-bit/bin:/usr/local/bin:/usr/bin")
    if command is None:
        # No Debian package: https://docs.fluentbit.io
        pytest.skip("fluent-bit is not installed")
    server = logger("--shared-key", "secret", listen=[FORWARD])
    text = tmp_path / "text.log"
    text.write_text("".join(f"grüße {number}\n" for number in range(1000)))
    options = {
        "host": "127.0.0.1", "port": server.port(), "shared_key": "secret", "compress": "gzip",
        "require_ack_response": "true", "self_hostname": "me",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-p", f"{name}={value}")]
    bit = subprocess.Popen(
        [command, "-i", "tail", "-p", f"path={text}", "-p", "read_from_head=true",
         "-o", "forward", "-m", "*", *words],
    )  # fmt: skip
    try:
        found = [json.loads(line) for line in server.wait_for_messages(1000)]
    finally:
        bit.terminate()
        bit.wait(PATIENCE)
    assert [one["log"] for one in found] == [f"grüße {number}" for number in range(1000)]


def test_a_flood_of_unfinished_events_holds_no_memory(logger):
    """Fifty connections that announce 4 GiB each are refused; a correct sender is served."""
    server = logger(listen=[FORWARD])
    for _ in range(50):
        with server.connect() as connection:
            connection.sendall(b"\x92\xa1t\xc6\xff\xff\xff\xff")
            assert connection.recv(10) == b""
    with server.connect() as connection:
        connection.sendall(chunk_of(1, 0, 1))
        assert msgpack.unpackb(connection.recv(100)) == {"ack": "c1"}
    assert server.stop() in (0, -signal.SIGTERM)
