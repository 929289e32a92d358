"""Acknowledged records are on disk after many kill -9 under load, over one store.

    LOGSRV_KILLS=1000 pytest tests/end_to_end/test_killed.py

kills 1,000 times; each kill is under load of every protocol that acknowledges.
"""

import os
import random

import pytest

from tests.end_to_end.killed import LISTEN, SPEECHES, Sender, assert_stored, send_over_kills

KILLS = int(os.environ.get("LOGSRV_KILLS", "8"))
# After so many kills the store is checked, and a new one begins.
KILLS_OF_A_STORE = 100


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
        send_over_kills(server, senders, min(KILLS_OF_A_STORE, KILLS - first), choose)
        assert_stored(senders, server.store)
