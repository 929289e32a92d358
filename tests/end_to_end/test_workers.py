"""Large messages are parsed by worker processes, whatever becomes of these."""

import gzip
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.web_daemon import NO_PYTHON
from tests.parts.daemons import Logger

LISTEN = ["http:tcp:0:interface=127.0.0.1"]
WORKER = "linelog.intake.worker"
JSON = {"Content-Type": "application/json"}
# So many records are a large body, which takes some tenths of a second to parse.
MANY = 20_000


def loki(records: int, text: str = "order paid") -> bytes:
    values = [["1763619798000000000", f"{text} {number}"] for number in range(records)]
    return json.dumps({"streams": [{"stream": {"app": "shop"}, "values": values}]}).encode()


def otlp(records: int, text: str = "order paid") -> bytes:
    found = [{"body": {"stringValue": f"{text} {number}"}} for number in range(records)]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": found}]}]}).encode()


def bulk(records: int) -> bytes:
    action = '{"index":{"_index":"shop"}}'
    return "".join(f'{action}\n{{"n":{number}}}\n' for number in range(records)).encode()


def post(server: Logger, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port(), timeout=PATIENCE)
    connection.request("POST", path, body, {**JSON, **headers})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


# The path and the body; the status of the answer, and how many lines are stored.
PUSHES = {
    "loki": ("/loki/api/v1/push", loki(MANY), 204, MANY),
    "otlp": ("/v1/logs", otlp(MANY), 200, MANY),
    "bulk": ("/_bulk", bulk(MANY), 200, MANY),
    "packed": ("/v1/logs", gzip.compress(otlp(MANY)), 200, MANY),
    "lines of JSON": ("/", b'{"n":1}\n' * MANY, 200, MANY),
    "an array": ("/", b"[" + b'{"n":1},' * MANY + b"1]", 200, MANY + 1),
    "a record too long": ("/", b'{"a":"' + b"x" * 3_000_000 + b'"}', 413, 0),
    "no JSON": ("/v1/logs", b"[" * 300_000, 400, 0),
    "too many values": ("/v1/logs", b"[" + b"[]," * 10_000_000 + b"1]", 413, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("push", PUSHES)
def test_a_worker_parses_large_bodies_of_each_format(logger, push):
    path, body, status, lines = PUSHES[push]
    server = logger("--workers", "1", "--max-body", "32MiB", listen=LISTEN)
    packed = {"Content-Encoding": "gzip"} if push == "packed" else {}
    if path == "/" and body.startswith(b"{"):
        packed["Content-Type"] = "application/x-ndjson"
    assert post(server, path, body, **packed)[0] == status
    assert server.child(WORKER)
    server.stop()
    assert len(server.messages()) == lines


def sent(server: Logger, body: bytes) -> Callable[[], tuple[int, bytes]]:
    """Post in a thread; return a function that waits for the answer."""
    pool = ThreadPoolExecutor(1)
    posting = pool.submit(post, server, "/v1/logs", body)
    pool.shutdown(wait=False)
    return lambda: posting.result(PATIENCE)


@pytest.mark.slow
def test_a_worker_that_dies_is_logged_and_replaced(logger):
    server = logger("--workers", "1", listen=LISTEN)
    message = otlp(20 * MANY)
    answer = sent(server, message)
    worker = server.wait_until(lambda: server.child(WORKER), "the worker")
    # The worker is busy when it has read its order; the modules that it reads before have half as many
    # bytes.
    server.wait_until(lambda: read_by(worker) > len(message), "work")
    os.kill(worker, signal.SIGKILL)
    status, said = answer()
    assert status == 503
    assert b"SIGKILL; send it again" in said
    assert post(server, "/v1/logs", otlp(MANY))[0] == 200
    assert len(server.wait_for_messages(MANY)) == MANY
    server.wait_for_log("a worker was ended by SIGKILL; the message that it had is refused")


@pytest.mark.slow
def test_large_bodies_are_refused_for_the_moment_if_no_worker_can_start(logger, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    prefix = (sys.executable, "-c", NO_PYTHON, str(python))
    server = logger(listen=LISTEN, prefix=prefix)
    assert post(server, "/loki/api/v1/push", loki(MANY))[0] == 503
    assert post(server, "/loki/api/v1/push", loki(3))[0] == 204
    assert len(server.wait_for_messages(3)) == 3
    server.wait_for_log("a worker cannot begin, large messages are refused for the moment")


@pytest.mark.slow
def test_a_body_in_a_worker_at_a_stop_is_stored_and_answered(logger):
    """A stop waits some seconds for workers; this one already runs and needs no time to start."""
    server = logger("--workers", "1", listen=LISTEN)
    assert post(server, "/v1/logs", otlp(MANY))[0] == 200
    worker = server.child(WORKER)
    before, message = read_by(worker), otlp(2 * MANY)
    answer = sent(server, message)
    server.wait_until(lambda: read_by(worker) > before + len(message) // 2, "work")
    server.stop()
    assert answer()[0] == 200
    assert len(server.messages()) == 3 * MANY


def read_by(process: int) -> int:
    """Return the bytes that a process has read."""
    return int(re.findall(r"rchar: (\d+)", Path(f"/proc/{process}/io").read_text())[0])
