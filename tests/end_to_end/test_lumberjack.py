"""The `lumberjack` input with a Beats client."""

import json

from pylogbeat import PyLogBeatClient

from logsrv.kit.testing.patience import PATIENCE

LUMBERJACK = "lumberjack:tcp:0:interface=127.0.0.1"
RECORDS = [
    {"n": number, "text": "grüße\nin two lines \U0001f600", "deep": {"list": [1, None, 2.5]}}
    for number in range(999)
] + [{"n": 999, "text": "x" * 20_000}]


def test_a_thousand_events_of_pylogbeat(logger):
    """Each event is stored once, in order; the client returns when they are acknowledged."""
    server = logger("--sync", "always", listen=[LUMBERJACK])
    with PyLogBeatClient("127.0.0.1", server.port(), timeout=PATIENCE) as client:
        for start in range(0, 1000, 100):
            client.send(RECORDS[start : start + 100])
            assert len(server.messages()) == start + 100
        client.send(["not JSON", "[1, 2]"])
    found = server.messages()
    assert [json.loads(line) for line in found[:1000]] == RECORDS
    assert found[0] == json.dumps(RECORDS[0]).encode()
    assert found[1000:] == [b"not JSON", b"[1, 2]"]
