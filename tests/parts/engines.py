"""Engines that read a lake, in an environment of their own, and a server of S3 for them: SeaweedFS.

chdb (ClickHouse) and Polars take 700 MB, so no extra has them: `.ci/engines.sh DIR` installs them, and puts
`engines-python` and `weed` on DIR/bin.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.bucket_server import KEYS
from tests.parts.ports import free_port
from tests.parts.programs import missing

ASK = Path(__file__).with_name("ask_engine.py")


def ask_engine(engine: str, *statements: str, environment: Mapping[str, str] | None = None) -> Any:
    """Return the rows of each statement, one list for each.

    engine: chdb, duckdb or polars. For Polars, statements are SQL about `lake`, after its URL.
    """
    ran = subprocess.run(
        [_tool("engines-python"), str(ASK), engine],
        input=json.dumps(statements),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return json.loads(ran.stdout)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed: sh .ci/engines.sh DIR, and DIR/bin into PATH")
    return str(found)


@contextmanager
def seaweed(directory: Path, bucket: str) -> Iterator[dict[str, str]]:
    """Serve an empty bucket; give the variables by which it is reached."""
    names = ("master", "volume", "filer", "s3")
    ports = {name: free_port() for one in names for name in (f"{one}.port", f"{one}.port.grpc")}
    where = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-s3"]
    size = ["-volume.max=8", "-master.volumeSizeLimitMB=1024"]
    command = [_tool("weed"), "server", *where, *size]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *(f"-{name}={port}" for name, port in ports.items())],
            stdout=log,
            stderr=log,
        )
    environment = {
        **KEYS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    try:
        filer = f"http://127.0.0.1:{ports['filer.port']}/buckets/{bucket}/"
        wait_until(lambda: _answers(Request(filer, method="POST")), "the filer")
        probe = f"{environment['AWS_ENDPOINT_URL']}/{bucket}/probe"
        wait_until(lambda: _answers(Request(probe, b"", method="PUT")), "the bucket")
        yield environment
    finally:
        # To end in order takes it 25 s.
        server.kill()
        server.wait()


def _answers(request: Request) -> bool:
    try:
        urlopen(request, timeout=PATIENCE).close()
        return True
    except OSError:
        return False
