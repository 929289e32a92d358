"""Lines over HTTP: what a request that breaks off, or is refused, has stored when its sender repeats it."""

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.linelog.intake.over_http.kept_body import LEAST_PIECE, MOST_KEPT_TEXT
from logsrv.linelog.intake.over_http.request import ANSWER_SECONDS
from logsrv.linelog.lines.rules import Oversize
from tests.parts.http_senders import Sender, chunked, request

SHORT = b"one\ntwo\nthree\n"


def test_a_short_text_that_breaks_off_and_is_sent_again_is_stored_once():
    sender = Sender()
    sender.send(request(SHORT)[:-3])
    assert sender.sink.text == b""
    sender.leave()
    sender = Sender()
    sender.send(request(SHORT)[:-3])
    sender.send(request(SHORT)[-3:])
    assert sender.sink.text == SHORT
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": 3, "as_text": 0})]


def test_a_short_text_with_a_line_that_is_refused_stores_none():
    sender = Sender(oversize=Oversize.CLOSE, max_line=20)
    sender.post(b"short\n" + b"x" * 60 + b"\nshort\n")
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.sink.text == b""


@pytest.mark.parametrize("size", [1, 500, LEAST_PIECE, 5000])
def test_a_short_text_in_pieces_is_stored_as_the_whole_or_not_at_all(size):
    text = b"".join(b"line %d\n" % number for number in range(1500))
    for refused in (b"", b"x" * 60 + b"\nshort\n"):
        sender = Sender(oversize=Oversize.CLOSE, max_line=20)
        whole = request(text + refused)
        for at in range(0, len(whole), size):
            sender.send(whole[at : at + size])
        sender.sink.sync()
        assert [status for status, _ in sender.answers()] == [413 if refused else 200]
        assert sender.sink.text == (b"" if refused else text)
        assert sender.intake.unfinished.held == 0


def test_kept_texts_count_as_bodies_in_memory_and_give_it_back():
    sender = Sender()
    sender.send(request(SHORT)[:-3])
    assert sender.intake.unfinished.held == len(SHORT) - 3
    sender.leave()
    assert sender.intake.unfinished.held == 0
    sender = Sender()
    sender.post(SHORT)
    sender.sink.sync()
    assert sender.intake.unfinished.held == 0 and sender.answers()


def test_a_kept_text_without_room_in_memory_is_refused_before_anything_is_stored():
    sender = Sender()
    sender.intake.unfinished.held = sender.intake.unfinished.most_held
    with capturedLogs() as events:
        sender.post(SHORT)
    assert [status for status, _ in sender.answers()] == [503]
    assert sender.sink.text == b""
    # The disk is well, so nothing else tells the operator why senders get 503.
    (said,) = map(formatEvent, events)
    assert said.endswith("2 times --max-body; send it again")


def long_text() -> bytes:
    return b"a line\n" * (MOST_KEPT_TEXT // 7 + 1)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_long_text_is_stored_while_it_arrives_and_its_sender_is_paused(is_chunked):
    sender = Sender()
    sent = chunked(SHORT) if is_chunked else request(long_text())
    sender.send(sent[:-5])
    assert sender.sink.text.startswith(b"one\n" if is_chunked else b"a line\n")
    (producer,) = sender.sink.producers
    producer.pauseProducing()
    sender.clock.advance(ANSWER_SECONDS)
    assert [status for status, _ in sender.answers()] == [503]
