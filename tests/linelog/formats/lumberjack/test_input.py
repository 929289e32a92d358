"""The `lumberjack` input in memory: windows stored, safe, acknowledged; and who is cut off."""

from typing import Any

from twisted.internet.testing import StringTransport

from logsrv.linelog.formats.lumberjack.input import Lumberjack, LumberjackReceiver
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.rules import LineRules
from tests.parts.messages import event, packed, window
from tests.parts.sinks import Sink, connected, counted, intake


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


def test_many_windows_at_once_are_answered_in_order_and_asked_for_once():
    sink = Sink()
    receiver, peer = opened(sink)
    asked: list[bytes] = []
    way = receiver.answer_when_safe
    receiver.answer_when_safe = lambda data: (asked.append(data), way(data))[1]  # type: ignore[method-assign, func-returns-value]
    windows = [window(number=1) + event(number, b"{}") for number in range(1, 1001)]
    windows.insert(500, window(number=1) + event(7, b"text"))
    receiver.dataReceived(packed(b"".join(windows)))
    sink.sync()
    numbers = [*range(1, 501), 7, *range(501, 1001)]
    assert peer.value() == b"".join(b"2A" + number.to_bytes(4, "big") for number in numbers)
    assert sink.text == b"{}\n" * 500 + b"text\n" + b"{}\n" * 500
    assert len(asked) == 3
