"""Large bodies are parsed by worker processes with the result of the server itself, over any failure."""

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
WORKER = "linelog.formats.http.worker"
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


PUSHES = {
    "loki": ("/loki/api/v1/push", loki(MANY), ()),
    "otlp": ("/v1/logs", otlp(MANY), ()),
    "bulk": ("/_bulk", bulk(MANY), ()),
    "packed": ("/v1/logs", gzip.compress(otlp(MANY)), ()),
    "a line too long": ("/loki/api/v1/push", loki(1, "x" * 300_000), ()),
    "a line that closes": ("/loki/api/v1/push", loki(1, "x" * 300_000), ("--oversize", "close")),
    "no JSON": ("/v1/logs", b"[" * 300_000, ()),
    "too many records": ("/v1/logs", otlp(6 * MANY, ""), ("--max-body", "8MiB")),
}


@pytest.mark.slow
@pytest.mark.parametrize("push", PUSHES)
def test_workers_store_and_answer_same_as_server(logger, tmp_path, push):
    path, body, options = PUSHES[push]
    found = []
    for number in "01":
        home = tmp_path / number
        home.mkdir()
        server = logger("--workers", number, *options, listen=LISTEN, directory=home)
        packed = {"Content-Encoding": "gzip"} if push == "packed" else {}
        answer = post(server, path, body, **packed)
        assert bool(server.child(WORKER)) is (number == "1")
        server.stop()
        found.append((answer, server.messages()))
    assert found[0] == found[1]


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
def test_the_server_parses_bodies_if_no_worker_can_start(logger, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    prefix = (sys.executable, "-c", NO_PYTHON, str(python))
    server = logger(listen=LISTEN, prefix=prefix)
    assert post(server, "/loki/api/v1/push", loki(MANY))[0] == 204
    assert len(server.wait_for_messages(MANY)) == MANY
    server.wait_for_log("a worker cannot begin, the server does its work")


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


@pytest.mark.slow
def test_a_reload_changes_the_number_of_workers(logger, tmp_path):
    (tmp_path / "logsrv.toml").write_text("workers = 0\n")
    server = logger("--config", str(tmp_path / "logsrv.toml"), listen=LISTEN)
    assert post(server, "/v1/logs", otlp(MANY))[0] == 200
    assert not server.child(WORKER)
    (tmp_path / "logsrv.toml").write_text("workers = 1\n")
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("reloaded")
    assert post(server, "/v1/logs", otlp(MANY))[0] == 200
    assert server.child(WORKER)


def read_by(process: int) -> int:
    """Return the bytes that a process has read."""
    return int(re.findall(r"rchar: (\d+)", Path(f"/proc/{process}/io").read_text())[0])
