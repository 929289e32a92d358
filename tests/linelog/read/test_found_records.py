"""The records of found lines, each once, in stores where the lines of several senders are mixed."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read import found_records
from logsrv.linelog.read.found_records import FoundRecords
from tests.linelog.read.test_records import TRACES, records_of, stored
from tests.parts.stores import line

RELAY = "udp:[::1]:514"
# A container's lines, some in parts; one ends without its last part.
CONTAINER = "P ERROR part|P : no|F \tend|F java.lang.Error: x|P \tat a.b(|F c.java:1)|F next|P |P a"


def stored_line(sender: int, text: str) -> bytes:
    """A line of one of twelve senders.

    Four have a connection each, four are programs behind one relay, four streams of two containers.
    """
    if sender >= 8:
        stream = ("stdout", "stderr")[sender % 2]
        return line(f"2026-11-20T06:00:00.1Z {stream} {text}", 0, f"file:[::1]:{sender // 2}")
    if sender < 4:
        return line(text, 0, f"tcp:[::1]:{sender}")
    return line(f"<13>1 2026-11-26T08:00:00Z web shop {sender} - - {text}", 0, RELAY)


@given(st.lists(st.integers(0, 11), min_size=1, max_size=120), st.randoms(use_true_random=False))
def test_the_records_of_hits_are_found_whole_and_once(order, choice):
    """Twelve senders write at once, in any order, and any of their lines match."""
    senders = [iter(trace) for trace in (*TRACES, *TRACES, *[CONTAINER.split("|")] * 4)]
    lines = [
        stored_line(number, text)
        for number in order
        if (text := next(senders[number], None)) is not None
    ]
    with tempfile.TemporaryDirectory() as directory:
        view, hits = stored([line("earlier", -100), *lines], Path(directory))
        wanted = [hit for hit in hits if choice.random() < choice.random()]
        expected = [record for record in records_of(hits) if not set(record).isdisjoint(wanted)]
        found = list(FoundRecords(view).records(wanted))
        assert sorted(found) == expected
        if len(wanted) == len(hits):
            assert found == expected
        found_records.REVERSED = 3
        assert sorted(FoundRecords(view).newest_records(reversed(wanted))) == expected
        view.close()
