"""Buckets of moto, a server of S3 that somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from bench.bucket import KEYS
from logsrv.kit.testing.patience import PATIENCE


@contextmanager
def buckets(name: str) -> Iterator[dict[str, str]]:
    """Serve an empty bucket; give the variables by which it is reached."""
    server_of_moto = pytest.importorskip("moto.server")
    server = server_of_moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        connection = HTTPConnection(host, port, timeout=PATIENCE)
        connection.request("PUT", f"/{name}")
        assert connection.getresponse().status == 200
        connection.close()
        where = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_REGION": "us-east-1"}
        yield {**KEYS, **where}
    finally:
        server.stop()
