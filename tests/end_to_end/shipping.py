"""What a daemon that ships says of its targets: its state, its figures."""

import json
from urllib.request import urlopen

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger


def status(server: Logger) -> dict[str, dict[str, object]]:
    """Return the output of `logsrv ship --status`, by the names of the targets."""
    done = logsrv("ship", "--status", str(server.store), "--json")
    assert not done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def metrics(server: Logger, index: int) -> dict[str, float]:
    """Return the counters of shipping, with their labels."""
    with urlopen(f"http://127.0.0.1:{server.ports()[index]}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("logsrv_ship_"))
    return {name.removeprefix("logsrv_"): float(value) for name, _, value in found}
