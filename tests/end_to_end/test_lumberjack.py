"""The `lumberjack` input against a Beats client, and kill -9."""

from __future__ import annotations

import json
import shutil
import struct
import threading
import zlib
from functools import partial
from pathlib import Path

import pytest
from pylogbeat import PyLogBeatClient

from tests.end_to_end.conftest import Logger, Start
from tests.end_to_end.stored import messages

LUMBERJACK = "lumberjack:tcp:0:interface=127.0.0.1"
RECORDS = [
    {"n": number, "text": "grüße\nin two lines \U0001f600", "deep": {"list": [1, None, 2.5]}}
    for number in range(999)
] + [{"n": 999, "text": "x" * 20_000}]


def test_a_thousand_events_of_pylogbeat(logger: Start) -> None:
    """Stored once each, in order, as they were sent; the client returns when they are acknowledged."""
    server = logger("--sync", "always", listen=[LUMBERJACK])
    with PyLogBeatClient("127.0.0.1", server.port(), timeout=20) as client:
        for start in range(0, 1000, 100):
            client.send(RECORDS[start : start + 100])
            assert len(server.messages()) == start + 100
        client.send(["not JSON", "[1, 2]"])
    found = server.messages()
    assert [json.loads(line) for line in found[:1000]] == RECORDS
    assert found[0] == json.dumps(RECORDS[0]).encode()
    assert found[1000:] == [b"not JSON", b"[1, 2]"]


def window_of(first: int, size: int) -> bytes:
    """A window of `size` events that are numbered, compressed."""
    frames = b""
    for sequence in range(1, size + 1):
        text = json.dumps({"n": first + sequence - 1, "pad": "x" * 60}).encode()
        frames += b"2J" + struct.pack(">II", sequence, len(text)) + text
    data = zlib.compress(frames)
    return b"2W" + struct.pack(">I", size) + b"2C" + struct.pack(">I", len(data)) + data


def flow(server: Logger, safe: list[int], size: int) -> None:
    """Send windows, a few ahead of their acknowledgements, until the connection breaks."""
    sent = 0
    rest = b""
    try:
        with server.connect() as connection:
            while True:
                connection.sendall(window_of(sent * size, size))
                sent += 1
                while sent - len(safe) > 8:
                    data = connection.recv(4096)
                    if not data:
                        return
                    rest += data
                    while len(rest) >= 6:
                        assert rest[:6] == b"2A" + struct.pack(">I", size)
                        safe.append(len(safe))
                        rest = rest[6:]
    except OSError:
        pass


def _more_than(found: list[int], number: int) -> bool:
    return len(found) > number


@pytest.mark.long
def test_acknowledged_is_there_after_kill_9(logger: Start, tmp_path: Path) -> None:
    """Twenty times in full flow, --sync always: each acknowledged event is stored, once and whole."""
    size = 20
    for attempt in range(20):
        place = tmp_path / f"attempt{attempt}"
        place.mkdir()
        server = logger("--sync", "always", listen=[LUMBERJACK], directory=place)
        safe: list[int] = []
        sender = threading.Thread(target=flow, args=(server, safe, size))
        sender.start()
        server.wait_until(partial(_more_than, safe, 20 * (attempt + 1)), "acknowledgements", 60)
        server.process.kill()
        server.wait()
        sender.join(60)
        lines = messages(server.store)
        if not lines[-1].endswith(b"}"):
            del lines[-1]
        stored = [json.loads(line)["n"] for line in lines]
        assert stored == list(range(len(stored)))
        assert len(stored) >= len(safe) * size
        shutil.rmtree(place)
