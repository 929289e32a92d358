"""The process of the live views by itself, with the test in the daemon's place, and its messages."""

import json
import os
import subprocess
import sys

import pytest

from logsrv.kit.children.child_side import NICE
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.viewing.view_protocol import ViewEvents, decode_events, encode_events
from logsrv.linelog.http.viewing.views import MODULE
from tests.parts.child_processes import read_message, send
from tests.parts.stores import make_store


def test_the_process_of_live_views_ends_with_its_daemon(tmp_path):
    """Also while it has viewers: nothing but the end of its input is needed."""
    store = make_store(tmp_path / "store", [[]])
    command = [sys.executable, "-P", "-m", MODULE, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        send(process, json.dumps(["join", 1, ["", False], "1:0", None]).encode())
        assert decode_events(read_message(process.stdout)) == ViewEvents((1,), live=True)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= NICE
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    "handed",
    [ViewEvents((1, 2), b"[1]\n\n{", 2, 5), ViewEvents((3,), live=True), ViewEvents((), b"\n")],
)
def test_events_are_encoded_and_decoded(handed):
    assert decode_events(encode_events(handed)) == handed
