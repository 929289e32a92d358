"""The `lumberjack` input in memory: windows stored, safe, acknowledged; and who is cut off."""

from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from logsrv.linelog.formats.lumberjack.input import Lumberjack, LumberjackReceiver
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.rules import LineRules
from tests.parts.messages import event, packed, window
from tests.parts.sinks import Sink, connected, counted, intake, refused, turn
from tests.parts.workers import WorkersHere


def opened(
    sink: Sink, rules: LineRules | None = None, **options: Any
) -> tuple[LumberjackReceiver, StringTransport]:
    return connected(Lumberjack(), intake(sink, rules, options=InputOptions(**options)))


def test_an_event_beyond_the_limit_is_text_and_acknowledged():
    """It would come again for ever."""
    sink = Sink()
    receiver, peer = opened(sink, LineRules(max_line=10), max_record=20)
    receiver.dataReceived(window(number=1) + event(1, b"x" * 21))
    sink.sync()
    assert (sink.text, peer.value()) == (b"x" * 10 + b"\n" + b"x" * 10 + b"\nx\n", b"2A\0\0\0\1")
    assert not peer.disconnecting
    assert counted(receiver.intake, "records_as_text_total") == 1
    assert receiver.intake.counts.oversize_lines == 1


def test_many_windows_in_a_compressed_frame_are_answered_in_order_and_asked_for_once():
    sink = Sink()
    receiver, peer = opened(sink)
    windows = [window(number=1) + event(number, b"{}") for number in range(1, 1001)]
    windows.insert(500, window(number=1) + event(7, b"text"))
    receiver.dataReceived(packed(b"".join(windows)))
    assert len(sink.waiting) == 1
    sink.sync()
    numbers = [*range(1, 501), 7, *range(501, 1001)]
    assert peer.value() == b"".join(b"2A" + number.to_bytes(4, "big") for number in numbers)
    assert sink.text == b"{}\n" * 500 + b"text\n" + b"{}\n" * 500


def test_a_damaged_compressed_frame_closes_the_connection_and_nothing_of_it_is_stored():
    sink = Sink()
    receiver, peer = opened(sink)
    damaged = packed(event(1, b"{}") + event(2, b"[]"))[:-1] + b"y"
    receiver.dataReceived(event(5, b"{}") + window(number=2) + damaged + event(3, b"{}"))
    sink.sync()
    assert (sink.text, peer.value(), peer.disconnecting) == (b"{}\n", b"2A\0\0\0\5", True)
    assert refused(receiver.intake, "unpacking") == 2


@pytest.mark.parametrize("pack", [bytes, packed])
def test_a_window_goes_on_behind_a_large_event(pack):
    """A worker parses it, and what is behind it waits."""
    sink, workers = Sink(), WorkersHere(waits=True)
    receiver, peer = connected(Lumberjack(), intake(sink, workers=workers))
    large = b'{"a":"%b"}' % (b"x" * 100_000)
    frames = event(1, b"[1]") + event(2, large) + event(3, b"{}")
    receiver.dataReceived(window(number=4) + pack(frames) + event(4, b"[4]"))
    assert sink.text == (b"[1]\n" if pack is bytes else b"") and peer.producerState == "paused"
    workers.answer_next()
    turn(receiver.intake.clock)
    assert sink.text == b"[1]\n%b\n{}\n[4]\n" % large and peer.producerState == "producing"
    sink.sync()
    assert peer.value() == b"2A\0\0\0\4"
