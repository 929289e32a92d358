"""What an input is given: its way into the store, under its listener's name."""

from functools import partial
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.source import Sender
from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.formats.lines.input import LineDatagrams, Lines
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.intake import intake as intake_module
from logsrv.linelog.intake.filter_options import FilterOptions
from logsrv.linelog.intake.gathering import gather
from logsrv.linelog.intake.intake import MOST_STORED, Intake
from logsrv.linelog.intake.interfaces import IInput
from logsrv.linelog.intake.line_receiver import LineReceiver
from logsrv.linelog.intake.options import (
    InputOptions,
    InputSecrets,
    read_secrets,
)
from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from logsrv.linelog.plugin.service import Options
from tests.parts.sinks import HIGH_WATER, InputSettings, Sink, SlowStore, counted, intake, turn


def test_a_block_gets_the_time_of_its_arrival_and_its_source():
    sink = Sink()
    way = intake(sink, name="apps")
    way.take(Block.of(b"x\n"), way.source("tcp:127.0.0.1:5"))
    (batch,) = sink.batches
    assert b"".join(batch.stored()) == b"1970-01-01T00:00:01.500000Z apps@tcp:127.0.0.1:5 x\n"


def test_each_line_of_a_connection_has_the_time_of_its_own_chunk():
    sink = Sink()
    way = intake(sink)
    clock: Any = way.clock
    receiver = LineReceiver(way)
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.1", 5)))
    for moment in range(3):
        receiver.dataReceived(b"%d\n" % moment)
        clock.advance(1)
    stored = b"".join(part for batch in sink.batches for part in batch.stored())
    assert [line[:19] for line in stored.splitlines()] == [
        b"1970-01-01T00:00:0%d" % second for second in (1, 2, 3)
    ]


def test_lines_are_masked_and_dropped_before_the_store_gets_them():
    """Whatever the input: all blocks of lines go this way. What is dropped counts as taken."""
    sink = Sink()
    way = intake(sink, filters=FilterOptions(mask=(r"/\b\d{16}\b/",), drop=("level=debug",)))
    with capturedLogs() as logged:
        assert way.take(b"card 4111111111111111\n", "tcp:h:1") == len(b"card (masked)\n") + 36
        assert way.take(b"level=debug a=1\n" * 2, "tcp:h:1") == 0
        records = Records()
        records.add(b"level=debug x=1")
        records.add(b"ok")
        way.take_gathered(gather(records, way.rules, way.counts), "tcp:h:1")
    assert sink.text == b"card (masked)\nok\n"
    assert (way.received_lines, counted(way, "masked_total")) == (2, 1)
    assert counted(way, "dropped_lines_total", reason="drop") == 3
    assert counted(way, "dropped_bytes_total", reason="drop") == 45
    assert counted(way, "dropped_bytes_total", reason="mask") == 16
    # The log says it at once, and the rest in an hour, or at the stop.
    way.flush()
    with capturedLogs() as at_stop:
        way.flush()
    assert [formatEvent(event) for event in logged] == [
        "tcp:1234: 2 lines are not stored, because --drop says so; dropped_lines_total counts them"
    ]
    assert not at_stop


def test_the_log_tells_of_dropped_lines_once_an_hour():
    way = intake(Sink(), filters=FilterOptions(drop=("x",)))
    clock: Any = way.clock
    with capturedLogs() as logged:
        for _ in range(3):
            way.take(b"x\n", "tcp:h:1")
        clock.advance(3600)
        way.take(b"x\n", "tcp:h:1")
        way.take(b"x\n", "tcp:h:1")
        way.flush()
    assert [formatEvent(event).split(": ")[1].split(",")[0] for event in logged] == [
        "a line is not stored",
        "3 more lines are not stored",
        "one more line is not stored",
    ]


def test_new_masks_are_for_connections_that_are_there_too():
    sink = Sink()
    way = intake(sink)
    receiver = LineReceiver(way)
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.1", 5)))
    receiver.dataReceived(b"bob\n")
    way.apply(InputSettings(LineRules(), filter_options=FilterOptions(mask=("/bob/",))))
    receiver.dataReceived(b"bob\n")
    way.apply(InputSettings(LineRules()))
    receiver.dataReceived(b"bob\n")
    assert sink.text == b"bob\n(masked)\nbob\n"
    assert counted(way, "masked_total") == 1


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (
            "nothing is at /card/4111111111111111, only at /",
            "nothing is at /card/(masked), only at /",
        ),
        # Half of what is to be masked may stand at the end of a quote that was cut.
        ("nothing is at /card/411111…, only at /", "nothing is at (masked), only at /"),
        ('unknown: "a key 41111…": there is none', "unknown: (masked): there is none"),
        ("no good", "no good"),
    ],
)
def test_what_the_log_quotes_of_a_peer_is_masked(sentence, said):
    way = intake(Sink(), filters=FilterOptions(mask=(r"/\b\d{16}\b/",)))
    with capturedLogs() as events:
        way.complain("tcp:192.0.2.1:1", sentence)
    assert [event["sentence"] for event in events] == [said]
    assert counted(way, "masked_total") == 0


def test_a_match_over_two_chunks_is_masked():
    sink = Sink()
    receiver = LineReceiver(intake(sink, filters=FilterOptions(mask=(r"/\d{16}/",))))
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.1", 5)))
    for piece in (b"card 41111", b"11111111111 ", b"ok\nrest 4111111111111111"):
        receiver.dataReceived(piece)
    receiver.finish()
    assert sink.text == b"card (masked) ok\nrest (masked)\n"


def test_a_match_is_not_found_where_an_over_long_line_is_cut():
    """The pieces are lines; what happens to a number between them is in the documents."""
    sink = Sink()
    rules = LineRules(max_line=10)
    receiver = LineReceiver(intake(sink, rules, filters=FilterOptions(mask=(r"/\d{8}/",))))
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.1", 5)))
    receiver.dataReceived(b"12345678-+12345678\nx 12345678 12345678\n")
    assert sink.text == b"(masked)-+\n(masked)\nx (masked)\n (masked)\n"
    receiver.dataReceived(b"abcdef12345678\n")
    assert sink.text.endswith(b"abcdef1234\n5678\n")


def test_a_reload_gives_new_rules_and_a_new_name():
    way = intake(Sink(), name="old")
    way.apply(InputSettings(LineRules(max_line=7), "new", log_connections=True))
    assert way.source("x") == "new@x"
    assert way.rules.max_line == 7 and way.connection_log is not None


@pytest.mark.parametrize("reloaded", [False, True])
def test_lines_that_come_under_load_are_stored_once_and_in_their_order(monkeypatch, reloaded):
    """The store has enough, so they wait; a reload meanwhile changes nothing of them."""
    monkeypatch.setattr(intake_module, "MOST_STORED", 200)
    store = SlowStore()
    way = intake(store)
    store.append(Batch(Block.of(b"x" * HIGH_WATER + b"\n"), "tcp:others", 0.0))
    for number in range(4):
        way.take(b"".join(b"%d%d\n" % (number, line) for line in range(8)), "tcp:h:1")
    assert way.waits and store.valve.closed
    if reloaded:
        way.apply(InputSettings(LineRules(), None))
    while store.pending:
        store.write()
        turn(way.clock)
    assert [line.rpartition(b" ")[2] for line in store.stored.splitlines()[1:]] == [
        b"%d%d" % (number, line) for number in range(4) for line in range(8)
    ]
    assert way.received_lines == 32


def test_lines_that_wait_for_room_are_masked_and_dropped_as_a_reload_says(monkeypatch):
    """They are stored after it was confirmed; their senders have done all that they should."""
    # A block above it waits while the valve is closed, in pieces.
    monkeypatch.setattr(intake_module, "MOST_STORED", 100)
    store = SlowStore()
    way = intake(store)
    store.append(Batch(Block.of(b"x" * HIGH_WATER + b"\n"), "tcp:others", 0.0))
    way.take(b"card 4111111111111111\nbob\n", "tcp:h:1")
    way.take(b"bob\n", "tcp:h:1")
    safe = way.durable()
    way.apply(
        InputSettings(LineRules(), filter_options=FilterOptions(mask=(r"/\d{16}/",), drop=("bob",)))
    )
    while store.pending:
        store.write()
        turn(way.clock)
    assert store.stored.splitlines()[1:] == [b"1970-01-01T00:00:01.500000Z tcp:h:1 card (masked)"]
    assert (way.received_lines, counted(way, "masked_total")) == (1, 1)
    assert counted(way, "dropped_lines_total", reason="drop") == 2
    turn(way.clock)
    store.sync()
    assert safe.called


def test_what_waits_asks_to_be_acknowledged_behind_its_own_last_line_and_in_its_turn(monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_STORED", 200)
    store = SlowStore()
    way = intake(store)
    store.append(Batch(Block.of(b"x" * HIGH_WATER + b"\n"), "tcp:others", 0.0))
    asked: list[bytes] = []

    def durable(_: object) -> Deferred[None]:
        # The last line that the store has got.
        asked.append(b"".join([store.stored, *store.pending]).split()[-1])
        return succeed(None)

    monkeypatch.setattr(store, "durable", durable)
    told: list[int] = []

    def note(number: int, _: object) -> None:
        told.append(number)

    for number in range(3):
        way.take(b"".join(b"%d%d\n" % (number, line) for line in range(8)), "tcp:h:1")
        way.durable().addCallback(partial(note, number))
    assert not asked
    while store.pending:
        store.write()
        turn(way.clock)
    assert asked == [b"07", b"17", b"27"] and told == [0, 1, 2]


@pytest.mark.slow
def test_line_ends_and_nothing_else_do_not_fill_our_memory():
    """A quarter of a megabyte becomes a hundred of them with its stamps; it is stored little by little."""
    store = SlowStore()
    way = intake(store)
    source = "unix:" + "\\x01" * 100
    way.take(Block.of(b"\n" * (256 << 10)), source)
    # What comes meanwhile is stored behind it.
    way.take(Block.of(b"later\n"), source)
    assert store.valve.closed
    assert 0 < way.received_lines < 256 << 10
    rounds = 0
    while store.pending:
        store.write()
        turn(way.clock)
        rounds += 1
    assert rounds > 4
    assert store.most_pending <= HIGH_WATER + MOST_STORED
    lines = store.stored.split(b"\n")
    assert len(lines) == (256 << 10) + 2
    assert way.received_lines == (256 << 10) + 1
    assert lines[-2].endswith(b" later")
    assert all(line.endswith(b"01 ") for line in lines[:-2])


@pytest.mark.slow
def test_what_waits_is_stored_when_the_store_is_about_to_close():
    store = SlowStore()
    way = intake(store)
    lines = b"\n" * (1 << 20)
    way.take(Block.of(lines), "x" * 100)
    way.flush()
    store.write()
    assert store.stored.count(b"\n") == len(lines)
    assert way.received_lines == len(lines)


@pytest.mark.slow
def test_datagrams_of_line_ends_close_the_valve_in_time():
    """Each of them makes megabytes, so that not even one receive of them may pass as a whole."""
    store = SlowStore()
    way = intake(store)
    receiver = LineDatagrams(way)
    sender = Sender(None, "unix:" + "\\x01" * 100)
    sent = 0
    while not store.valve.closed:
        receiver.datagrams_received([b"\n" * 65536] * 2, sender)
        sent += 2
    assert store.most_pending <= HIGH_WATER + MOST_STORED
    while store.pending:
        store.write()
        turn(way.clock)
    assert store.stored.count(b"\n") == sent * 65536


def test_others_are_read_from_before_what_waits_is_stored():
    """It may be enough for the valve to close again at once, each time that it opens."""
    store = SlowStore()
    way = intake(store)
    way.take(Block.of(b"\n" * (1 << 20)), "unix:" + "\x01" * 100)
    other = StringTransport()
    store.valve.add(other)  # type: ignore[attr-defined]
    store.write()
    assert other.producerState == "producing" and not store.valve.closed
    turn(way.clock)
    assert other.producerState == "paused" and store.pending


@pytest.mark.slow
def test_what_waits_is_stored_although_others_close_the_valve_each_time():
    """Else the push of one would wait for as long as hundreds of others send all they can."""
    store = SlowStore()
    way = intake(store)
    way.take(Block.of(b"\n" * (1 << 20)), "unix:" + "\x01" * 100)
    left = [way.received_lines]
    for _ in range(20):
        store.write()
        # What they send is read before the calls of the next turn.
        store.append(Batch(Block.of(b"x" * HIGH_WATER + b"\n"), "tcp:others", 0.0))
        turn(way.clock)
        left.append(way.received_lines)
    assert left[-1] == 1 << 20
    assert left[1] == left[0] and left[2] > left[1] and left[3] == left[2], (
        "by turns with the others"
    )


def test_a_block_of_usual_size_is_not_cut():
    """Nothing is copied for it and nothing waits."""
    sink = Sink()
    way: Intake = intake(sink)
    block = Block.of(b"x\n" * (128 << 10))
    way.take(block, "tcp:127.0.0.1:51234")
    assert [batch.block for batch in sink.batches] == [block]
    assert sink.batches[0].block is block
    assert way.received_lines == 128 << 10


def test_what_is_wrong_with_a_peer_is_said_once_a_minute_for_its_address():
    """Nobody fills the log by coming again and again."""
    way = intake(Sink())
    clock: Any = way.clock
    with capturedLogs() as events:
        for port in range(5):
            way.complain(f"tcp:192.0.2.1:{port}", "no good")
        way.complain("tls:[2001:db8::1]:7,cn=x", "no good")
        way.complain("tls:[2001:db8::1]:8", "no good")
        clock.advance(60)
        way.complain("tcp:192.0.2.1:9", "worse")
    assert [formatEvent(event) for event in events] == [
        "tcp:192.0.2.1:0: no good",
        "tls:[2001:db8::1]:7,cn=x: no good",
        "tcp:192.0.2.1:9: worse (and 4 times more)",
    ]


def test_lines_that_are_too_long_are_said_once_a_minute_for_a_listener():
    sink = Sink()
    way = intake(sink, LineRules(max_line=5, oversize=Oversize.TRUNCATE))

    def send(host: str, text: bytes) -> None:
        receiver = Lines().stream(way).buildProtocol(None)
        receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", host, 5)))
        receiver.dataReceived(text)

    said: list[str] = []
    with capturedLogs() as events:
        for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            send(host, b"far too long\nshort\n")
        send("192.0.2.4", b"short\n")
        said += filter(None, map(formatEvent, events))
    sentence = (
        "tcp:1234 got a line longer than 5 bytes (--max-line), stored without the end"
        " (--oversize truncate); the last from tcp:192.0.2.1:5; raise --max-line if lines may be so long"
    )
    assert said == [sentence]
    assert isinstance(way.clock, Clock)
    way.clock.advance(61)
    with capturedLogs() as events:
        send("192.0.2.4", b"short\n")
        send("192.0.2.4", b"short\n")
    [line] = map(formatEvent, events)
    assert line is not None and "2 lines longer" in line and "tcp:192.0.2.3:5;" in line


def test_datagrams_that_are_too_long_are_said_to_lose_their_end():
    way = intake(Sink(), LineRules(max_line=5, oversize=Oversize.CLOSE))
    datagrams = LineDatagrams(way)
    way.datagrams = LineReceiver(way)
    with capturedLogs() as events:
        datagrams.datagrams_received([b"far too long"], Sender("192.0.2.7", "udp:192.0.2.7:514"))
    [line] = map(formatEvent, events)
    assert line is not None and "(--oversize truncate)" in line
    assert way.received_bytes == len(b"far too long")


@pytest.mark.parametrize("block", [Block.of(b"a\n\nb\n"), Block(b"a\n", b"x\nb\n\nc", 2, 5)])
def test_the_size_of_a_block_in_the_store(block):
    batch = Batch(block, "tcp:192.0.2.1:5", 0.0)
    assert intake(Sink()).stored_size(block, batch.source) == sum(map(len, batch.stored()))


def test_who_sends_datagrams_comes_last_again():
    """Else its listener, which is there before any connection, would be resumed first for ever."""
    store = SlowStore()
    way = intake(store)
    order = []

    class Named(StringTransport):
        def resumeProducing(self) -> None:
            super().resumeProducing()
            order.append(self)

    listener, other = Named(), Named()
    valve: Any = store.valve
    valve.add(listener)
    valve.add(other)
    way.datagrams = listener
    way.take(Block.of(b"a line\n"), "udp:1")
    valve.close()
    valve.open()
    assert order == [other, listener]


def test_bytes_of_whole_lines_are_a_block():
    sink = Sink()
    way = intake(sink)
    size = way.take(b"one\n\ntwo\n", "x")
    (batch,) = sink.batches
    stored = b"".join(batch.stored())
    assert [line.partition(b" x ")[2] for line in stored.splitlines()] == [b"one", b"", b"two"]
    assert size == len(stored) == way.stored_size(b"one\n\ntwo\n", "x")


@pytest.mark.parametrize("lines", [b"", b"one", b"one\ntwo", "one\n", bytearray(b"one\n"), None])
def test_bytes_that_are_no_whole_lines_are_refused(lines):
    """A rest without an end would stand before the next line of somebody else."""
    sink = Sink()
    with pytest.raises(ValueError, match=r"^a block is bytes of whole lines, .*, not "):
        intake(sink).take(lines, "x")
    assert not sink.batches


def test_each_listener_has_its_own(tmp_path):
    (tmp_path / "key").write_text("k1\n")
    (tmp_path / "logsrv.toml").write_text(
        'max-record = "2MiB"\n[[listener]]\nlisten = "tcp:0"\nshared-key-file = "key"\n'
        '[[listener]]\nlisten = "tcp:1235"\nmax-record = "1KiB"\ninput-token = "t"\n'
    )
    options = Options()
    options.parseOptions(["--config", str(tmp_path / "logsrv.toml")])
    first, second = options.settings.listener
    assert (first.input_options.max_record, second.input_options.max_record) == (2 << 20, 1 << 10)
    assert read_secrets(first) == InputSecrets((), "k1")
    assert read_secrets(second.input_options) == InputSecrets(("t",), None)


def test_a_file_without_a_key(tmp_path):
    with pytest.raises(ConfigurationError, match="--input-token-file"):
        read_secrets(InputOptions(input_token_file=tmp_path / "none"))


def test_every_input_does_what_the_interface_says():
    for found in inputs().values():
        verifyObject(IInput, found)


def test_the_lines_of_a_message_are_stored_in_their_order_and_what_is_not_is_counted():
    sink = Sink()
    way = intake(sink)
    records = Records()
    records.add(b"{}")
    records.add(b"a\nb", structured=False)
    records.add_whole_lines(b"[1]\n[2]\n", 2)
    records.as_text += 1
    records.count_oversize(5)
    records.add(b"3")
    stored = way.take_gathered(gather(records, way.rules, way.counts), "tcp:x")
    assert sink.text == b"{}\na\\x0ab\n[1]\n[2]\n3\n" and stored == len(sink.text)
    assert sink.batches[0].source == "tcp:x"
    assert counted(way, "records_as_text_total") == 1
    assert counted(way, "records_refused_total", reason="oversize") == 1


def test_nothing_behind_a_text_that_closes():
    records, counts = Records(), LineCounts()
    for text in (b"one", b"longer", b"more"):
        records.add(text, structured=False)
    records.add_whole_lines(b"{}\n", 1)
    found = gather(records, LineRules(max_line=3, oversize=Oversize.CLOSE), counts)
    assert b"".join(map(bytes, found.blocks)) == b"one\nlon\n"
    assert found.closing == "a record is longer than 3 bytes"
    assert counts.dropped_closed == len(b"germore{}")
