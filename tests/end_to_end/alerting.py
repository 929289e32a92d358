"""What tests of alerts share: how many kills, and the processes that watch the store."""

import os
import re

from tests.parts.daemons import Logger

KILLS = int(os.environ.get("LOGSRV_KILLS", "5"))
LOOKING = r"process (\d+) watches the store for (.*)"


def processes(server: Logger, number: int) -> list[int]:
    """Wait until `number` processes of alerts were started; return their ids."""
    server.wait_until(lambda: len(re.findall(LOOKING, server.log())) >= number, "the process")
    return [int(pid) for pid, _ in re.findall(LOOKING, server.log())]
