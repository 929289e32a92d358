"""What a daemon that ships says of its targets: its state, its figures."""

import json
from urllib.request import urlopen

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv
from tests.parts.daemons import Logger


def statuses(server: Logger) -> list[dict[str, object]]:
    """Return the output of `logsrv ship --status`: each target of each store."""
    done = logsrv("ship", "--status", str(server.store), "--json")
    assert not done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def status(server: Logger) -> dict[str, dict[str, object]]:
    """Return the same of a server without rules, by the names of the targets."""
    return {str(one["name"]): one for one in statuses(server)}


def metrics(server: Logger, index: int) -> dict[str, float]:
    """Return the counters of shipping, with their labels."""
    with urlopen(f"http://127.0.0.1:{server.ports()[index]}/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("logsrv_ship_"))
    return {name.removeprefix("logsrv_"): float(value) for name, _, value in found}
