"""Buckets of moto, a server of S3 that somebody else wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.bucket_server import KEYS


@contextmanager
def buckets(name: str) -> Iterator[dict[str, str]]:
    """Serve an empty bucket; give the variables by which it is reached."""
    server_of_moto = pytest.importorskip("moto.server")
    server = server_of_moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # Servers of moto in one process have their buckets in common: those of an earlier test go.
        for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{name}")):
            connection = HTTPConnection(host, port, timeout=PATIENCE)
            connection.request(method, path)
            assert connection.getresponse().status == 200
            connection.close()
        where = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_REGION": "us-east-1"}
        yield {**KEYS, **where}
    finally:
        server.stop()
