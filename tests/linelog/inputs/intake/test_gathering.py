"""The records of a message: nothing is stored before all are there; then all of them, in order."""

from __future__ import annotations

from collections.abc import Generator

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.framing.bodies.bodies import Records
from logsrv.linelog.framing.lines.rules import LineRules, Oversize
from logsrv.linelog.framing.long_work import result_of
from logsrv.linelog.inputs.intake.gathering import Gathering
from logsrv.linelog.inputs.intake.options import InputOptions
from tests.linelog.inputs.recording import Sink, intake


def adding(records: Records) -> Generator[None, None, str]:
    records.add(b"{}")
    records.add(b"a\nb", structured=False)
    yield
    records.add_lines(b"[1]\n[2]\n", 2)
    yield
    records.as_text += 1
    records.leave_out(5)
    records.add(b"3")
    return "answer"


def test_stored_when_all_are_there_and_in_their_order() -> None:
    sink = Sink()
    way = intake(sink)
    gathering = Gathering(Records(), way.rules, way.counts)
    assert result_of(gathering.steps(adding(gathering.records))) == "answer"
    assert sink.text == b""
    steps = gathering.store(way, "tcp:x")
    next(steps)
    assert sink.text == b"{}\n" and sink.batches[0].source == "tcp:x"
    list(steps)
    assert sink.text == b"{}\na\\x0ab\n[1]\n[2]\n3\n"
    assert gathering.stored == len(sink.text)
    metrics = way.metrics
    assert isinstance(metrics, Metrics)
    assert metrics.value("records_as_text_total") == 1
    assert metrics.value("records_refused_total", reason="oversize") == 1


def test_nothing_behind_a_text_that_closes() -> None:
    sink = Sink()
    way = intake(sink, LineRules(max_line=3, oversize=Oversize.CLOSE), options=InputOptions())
    gathering = Gathering(Records(), way.rules, way.counts)
    for text in (b"one", b"longer", b"more"):
        gathering.records.add(text, structured=False)
    gathering.records.add_lines(b"{}\n", 1)
    list(gathering.store(way, "tcp:x"))
    assert sink.text == b"one\nlon\n"
    assert gathering.closing == "a record is longer than 3 bytes"
    assert way.counts.dropped_closed == len(b"germore{}")
