"""Common programs send over HTTP to a real logger, which stores each record once."""

import gzip
import json
import logging
import logging.handlers
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Logger
from tests.parts.programs import program

HTTP = "http:tcp:0:interface=127.0.0.1"
RECORDS = 1000


def text(number: int) -> str:
    """Return a message: some have Unicode, some several lines, some 20 KB."""
    kinds = ("plain", "Grüße 🎉 \u2028", "one\n  two\n", "x" * 20_000)
    return f"{number} {kinds[number % 4]}"


@pytest.fixture
def logging_by() -> Iterator[logging.Logger]:
    """A logger of Python, whose handlers are closed after the test."""
    found = logging.Logger("shop")
    yield found
    for handler in found.handlers:
        handler.close()


def stored(server: Logger, count: int = RECORDS) -> list[dict[str, Any]]:
    found = [json.loads(message) for message in server.wait_for_messages(count)]
    assert len(found) == count
    return found


@pytest.mark.slow
def test_records_sent_by_curl_are_stored_once(logger, tmp_path):
    server = logger(listen=[HTTP])
    lines = tmp_path / "lines"
    lines.write_bytes(b"".join(b"%d %s\n" % (number, b"x" * 90) for number in range(100_000)))
    (tmp_path / "lines.gz").write_bytes(gzip.compress(lines.read_bytes(), 1))
    url = f"http://127.0.0.1:{server.port()}"
    ways: list[list[str]] = [
        ["--data-binary", f"@{lines}", f"{url}/"],
        ["-H", "Content-Type: text/plain", "-T", "-", "-X", "POST", f"{url}/lines"],
        ["-H", "Content-Encoding: gzip", "--data-binary", f"@{lines}.gz", f"{url}/"],
    ]
    for way in ways:
        with lines.open("rb") as file:
            done = subprocess.run(
                [program("curl", "curl"), "-s", "--fail-with-body", *way],
                stdin=file, capture_output=True, timeout=PATIENCE,
            )  # fmt: skip
        assert json.loads(done.stdout) == {"accepted": 100_000, "as_text": 0}
    messages = server.messages()
    assert messages == lines.read_bytes().splitlines() * 3


# HTTPHandler leaves its connections to the garbage collector.
@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_records_of_http_handler_are_stored(logger, logging_by):
    server = logger("--input-token", "secret", listen=[HTTP])
    handler = logging.handlers.HTTPHandler(
        f"127.0.0.1:{server.port()}", "/", "POST", credentials=("any", "secret")
    )
    logging_by.addHandler(handler)
    for number in range(RECORDS):
        logging_by.warning("%s", text(number))
    found = stored(server)
    assert [one["args"] for one in found] == [str((text(number),)) for number in range(RECORDS)]
    assert {one["levelname"] for one in found} == {"WARNING"}


@pytest.mark.slow
def test_records_of_the_loki_handler_are_stored_once(logger, logging_by):
    from logging_loki import LokiHandler

    server = logger(listen=[HTTP])
    url = f"http://127.0.0.1:{server.port()}/loki/api/v1/push"
    logging_by.addHandler(LokiHandler(url=url, tags={"app": "shop"}, version="1"))
    for number in range(100):
        logging_by.warning("%s", text(number))
    found = stored(server, 100)
    assert [one["message"] for one in found] == [text(number) for number in range(100)]
    assert {one["app"] for one in found} == {"shop"}


@pytest.mark.slow
def test_opentelemetry_records_are_stored_once(logger, logging_by):
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    server = logger("--input-token", "secret", listen=[HTTP])
    provider = LoggerProvider(resource=Resource({"service.name": "shop"}))
    exporter = OTLPLogExporter(
        f"http://127.0.0.1:{server.port()}/v1/logs",
        headers={"Authorization": "Bearer secret"},
        compression=Compression.Gzip,
    )
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    told = provider.get_logger("told")
    for number in range(RECORDS):
        told.emit(
            timestamp=10**18 + number,
            severity_text="WARN",
            body=text(number),
            attributes={"n": number},
        )
    provider.force_flush()
    provider.shutdown()
    found = stored(server)
    assert [one["body"] for one in found] == [text(number) for number in range(RECORDS)]
    assert [one["attributes.n"] for one in found] == list(range(RECORDS))
    assert found[7]["time"] == "2001-09-09T01:46:40.000000007Z"
    assert {(one["severity"], one["scope"], one["resource.service.name"]) for one in found} == {
        ("WARN", "told", "shop")
    }


@pytest.mark.slow
def test_records_of_the_elasticsearch_client_are_stored_once(logger):
    from elasticsearch import Elasticsearch, helpers

    server = logger(listen=[HTTP])
    with Elasticsearch(f"http://127.0.0.1:{server.port()}") as client:
        assert client.ping() and client.info()["tagline"]
        actions = (
            {"_index": "shop", "_op_type": "create", "n": number, "message": text(number)}
            for number in range(RECORDS)
        )
        assert helpers.bulk(client, actions) == (RECORDS, [])
        good, errors = helpers.bulk(
            client,
            [{"_index": "shop", "x": "y" * 2_000_000}, {"_index": "shop", "n": 1}],
            raise_on_error=False,
        )
    assert isinstance(errors, list)
    assert good == 1 and [error["index"]["status"] for error in errors] == [413]
    found = stored(server, RECORDS + 1)[:-1]
    assert found == [
        {"n": number, "message": text(number), "_index": "shop"} for number in range(RECORDS)
    ]


@pytest.mark.long
def test_a_bomb_of_a_gigabyte_is_refused_in_little_memory(logger, tmp_path):
    server = logger(listen=[HTTP])
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb", 1) as file:
        for _ in range(1 << 10):
            file.write(bytes(1 << 20))
    before = peak(server.pid)
    for media in ("text/plain", "application/json"):
        done = subprocess.run(
            [
                program("curl", "curl"), "-s", "-w", "%{http_code}", "-o", "/dev/null",
                "-H", "Content-Encoding: gzip", "-H", f"Content-Type: {media}",
                "--data-binary", f"@{bomb}", f"http://127.0.0.1:{server.port()}/",
            ],
            capture_output=True, timeout=2 * PATIENCE,
        )  # fmt: skip
        assert done.stdout == b"413"
    assert peak(server.pid) - before < 30 << 20
    assert server.current.stat().st_size == 0


def peak(pid: int) -> int:
    """Return the most bytes of memory that a process has used."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM")
