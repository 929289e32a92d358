"""Acknowledged records are on disk after many kill -9 under load, over one store.

    LOGSRV_KILLS=1000 pytest tests/end_to_end/test_killed.py

kills 1,000 times; each kill is under load of every protocol that acknowledges.
"""

import os
import random
import signal

import pytest

from tests.end_to_end.killed import SPEECHES, Sender, assert_stored

KILLS = int(os.environ.get("LOGSRV_KILLS", "8"))
# After so many kills the store is checked, and a new one begins.
KILLS_OF_A_STORE = 100
LISTEN = [f"{name}:tcp:0:interface=127.0.0.1" for name in SPEECHES]


@pytest.mark.long
@pytest.mark.minutes(10)
def test_acknowledged_records_are_stored_after_many_kills(logger, tmp_path):
    """All protocols send at once, with --sync always; segments are rotated and sealed meanwhile."""
    choose = random.Random(11)
    for first in range(0, KILLS, KILLS_OF_A_STORE):
        place = tmp_path / str(first)
        place.mkdir()
        senders = [Sender(kind) for kind in SPEECHES]
        server = logger("--sync", "always", "--rotate-size", "2MiB", listen=LISTEN, directory=place)
        for kill in range(min(KILLS_OF_A_STORE, KILLS - first)):
            if kill:
                server.start().ready()
            for sender in senders:
                sender.start(server)
            late = choose.choice(senders)
            wanted = late.acknowledged + choose.randint(1, 30)
            server.wait_until(
                lambda: (
                    late.acknowledged >= wanted  # noqa: B023
                    or any(sender.failure for sender in senders)  # noqa: B023
                ),
                "acknowledgements",
            )
            server.send_signal(signal.SIGKILL)
            server.wait()
            for sender in senders:
                sender.finish()
        server.start().ready()
        for sender in senders:
            sender.start(server, to_the_end=True)
        for sender in senders:
            sender.finish()
        assert server.stop() in (0, -signal.SIGTERM)
        assert "Traceback" not in server.log()
        assert_stored(senders, server.store)
