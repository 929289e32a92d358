"""What an input is given: its way into the store, under its listener's name."""

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.rules import LineRules
from tests.linelog.inputs.recording import Rules, Sink, intake


def test_a_block_gets_the_time_of_its_arrival_and_its_source() -> None:
    sink = Sink()
    way = intake(sink, name="apps")
    way.take(Block.of(b"x\n"), way.source("tcp:127.0.0.1:5"))
    (batch,) = sink.batches
    assert b"".join(batch.stored()) == b"1970-01-01T00:00:01.500000Z apps@tcp:127.0.0.1:5 x\n"


def test_without_a_name_the_source_is_the_peer() -> None:
    assert intake(Sink()).source("unix:uid=0,pid=7") == "unix:uid=0,pid=7"


def test_a_reload_gives_new_rules_and_a_new_name() -> None:
    way = intake(Sink(), name="old")
    way.apply(Rules(LineRules(max_line=7), "new", log_connections=True))
    assert way.source("x") == "new@x"
    assert (way.rules.max_line, way.log_connections) == (7, True)
