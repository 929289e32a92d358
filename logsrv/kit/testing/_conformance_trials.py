"""A conformance suite for protocols: trials that every protocol should pass, in memory.

    def test_shout_stands_everything():
        conformance(shout, b"hello\\r\\n")

Each trial is a function below, and begins with a new service. A failure is one sentence with the input that
caused it.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from typing import Any

from logsrv.kit.service._stop import DRAIN_SECONDS
from logsrv.kit.testing._difference import short_repr
from logsrv.kit.testing._memory import MemoryService, as_plugin
from logsrv.kit.testing._memory_clock import NEEDS_SERVE
from logsrv.kit.testing._trial import (
    ANSWER_SECONDS,
    APART,
    AT_STOP,
    HOUR,
    MOST_ANSWERS,
    MOST_CUTS,
    SAME,
    Trial,
    answer_to_pieces,
    answers_to_datagram,
    remaining_answer,
)

TIMES = 10_000
# The most bytes of a conversation that is repeated.
MOST_REPEATED = 512 * 1024
# The least bytes sent to a plugin whose peer reads nothing, so that the transport gets full.
LEAST_TO_FILL = 256 * 1024
# The most bytes that may wait to be sent to a peer that reads nothing.
MOST_WAITING = 4 * 1024 * 1024
# The most bytes sent to a plugin that goes on reading, though its peer reads nothing: more than may wait.
MOST_TO_FILL = MOST_WAITING + LEAST_TO_FILL
# The bytes of a piece; this prime number splits lines and frames at all offsets.
PIECE = 4093


def conformance(
    what: Any,
    *talks: bytes,
    arguments: tuple[str, ...] = (),
    same: bool = True,
    apart: bool = True,
    to: str | None = None,
    at_stop: bytes = b"",
    **how: Any,
) -> None:
    """Run all trials on a plugin, an input, a protocol class or a function.

    talks: the bytes of one client's whole conversation each, or one datagram each; by default `hello` and a
        line ending. arguments: as on the command line. how: arguments of `protocol_plugin`.
    same: whether the same input always gets the same answer; False for dice, or a Resource, which sends the
        date.
    apart: whether peers do not affect each other; False for a chat.
    to: the listener to talk to, in a plugin with several: its name, or its type, such as "udp". A plugin
        that takes connections and datagrams needs it, because the talks differ.
    at_stop: what each connected peer gets when the service stops, besides its answers: the words that
        `stopping` of the state sends.

    Raises AssertionError with one sentence: the fault, and the input that caused it.
    """
    # Otherwise garbage of earlier trials could log its errors during these.
    gc.collect()
    plugin = as_plugin(what, **how)
    talks = talks or (b"hello\r\n",)
    cuts = max(MOST_CUTS // len(talks), 10)

    def start() -> MemoryService:
        service = MemoryService(plugin, *arguments)
        service.to = to
        return service

    trial = Trial(start, plugin.name, same, apart, cuts, at_stop)
    kinds = {listener.endpoint.kind for listener in trial.start().listeners_at(to)}
    if to is not None and not kinds:
        raise AssertionError(f"{plugin.name} listens at {', '.join(plugin.listen)}, not at {to}")
    # An input stores the same records from both.
    if to is None and len(kinds) > 1 and plugin.datagrams is not None:
        raise AssertionError(
            f"{plugin.name} takes connections and datagrams, at {', '.join(plugin.listen)}: say to which of"
            ' them this talk is, with to="tcp" or to="udp", and try the other in a call of its own'
        )
    try_idle_hour(trial)
    for talk in talks:
        if "stream" in kinds:
            for run in STREAM_TRIALS:
                run(trial, talk)
        if "datagram" in kinds:
            for run in DATAGRAM_TRIALS:
                run(trial, talk)


def try_idle_hour(trial: Trial) -> None:
    """Let an hour pass without peers, reload and stop. A plugin without listeners gets only this trial."""
    with trial.new_service("in an hour without peers, a reload and a stop") as service:
        service.clock.advance(HOUR)
        service.reload()
        stop_and_check_timers(trial, service)


def stop_and_check_timers(trial: Trial, service: MemoryService) -> None:
    """Stop the service, and check that no timer is left after an hour."""
    service.stop()
    service.clock.advance(HOUR)
    timers = service.clock.getDelayedCalls()
    if timers:
        raise AssertionError(
            f"{trial.name} has a timer left an hour after the stop: {timers[0]}; "
            "timers of the protocol's `later` and the service's `every` end by themselves"
        )


def try_cuts(trial: Trial, talk: bytes) -> None:
    """The answer is the same however the input is split."""
    whole, said = trial.answer_and_stored(talk), short_repr(talk)
    singly = [talk[at : at + 1] for at in range(len(talk))]
    for pieces in ([talk], *([talk[:at], talk[at:]] for at in trial.cut_offsets(talk)), singly):
        cut = short_repr(pieces)
        doing = f"on {said} that came as {cut}"
        for what, wanted, came in zip(
            ("answers", "stores"), whole, trial.answer_and_stored(*pieces, doing=doing), strict=True
        ):
            trial.expect_same(wanted, came, f"{what} {said} differently when it comes as {cut}")


def try_repeated_talk(trial: Trial, talk: bytes) -> None:
    """A conversation that a peer repeats TIMES times is answered the same in one piece and in many."""
    times = min(TIMES, max(MOST_REPEATED // len(talk), 2))
    much = talk * times
    said, in_many = f"{times} times {short_repr(talk)}", f"in pieces of {PIECE} bytes"
    whole = trial.answer(much, doing=f"on {said}")
    came = trial.answer(*in_pieces(much), doing=f"on {said} {in_many}")
    trial.expect_same(whole, came, f"answers {said} differently {in_many}")


def in_pieces(much: bytes) -> list[bytes]:
    return [much[at : at + PIECE] for at in range(0, len(much), PIECE)]


def try_slow_reader(trial: Trial, talk: bytes) -> None:
    """The plugin waits for a peer that does not read, or cuts it off; one that reads late gets all."""
    doing = f"on {short_repr(talk)} again and again from a peer that does not read"
    times = min(max(TIMES, LEAST_TO_FILL // len(talk)), MOST_TO_FILL // len(talk) + 1)
    fed = []
    waits = 0
    with trial.new_service(doing) as service:
        peer = service.connect(reads=False)
        for piece in in_pieces(talk * times):
            fed.append(piece)
            peer.feed(piece)
            waiting = len(peer.transport.buffer)
            if waiting > MOST_WAITING:
                raise AssertionError(
                    f"{trial.name} writes on to a peer that does not read: {waiting} bytes wait for it; "
                    "wait for `drain()`, or register a producer"
                )
            if not peer.reading:
                service.clock.advance(ANSWER_SECONDS)
                waits += 1
                # The service waits for this peer; otherwise it has only waited for something of its own.
                if not peer.reading:
                    break
        peer.start_reading()
        came = remaining_answer(service, peer)
        closed = peer.closed
    if not closed:
        # A plugin that needs longer for all of it gets as much time as with the late reader.
        quick = trial.answer(*fed, doing=doing, most=MOST_ANSWERS + waits)
        trial.expect_same(quick, came, f"answers {short_repr(talk)} differently to a late reader")


def try_half_close(trial: Trial, talk: bytes) -> None:
    """A peer that half-closes right after its last line, as `nc -N` does, gets its answer and is closed."""
    whole = trial.answer(talk)
    doing = f"on {short_repr(talk)} and a half-close right after it"
    with trial.new_service(doing) as service:
        peer = service.connect()
        peer.feed(talk)
        peer.half_close()
        came = remaining_answer(service, peer)
        trial.expect_begin(talk, whole, came, "when the peer half-closes right after it")
        service.clock.advance(HOUR)
        if not peer.closed:
            raise AssertionError(
                f"{trial.name} keeps a connection open an hour after its peer has half-closed it; "
                f"{NEEDS_SERVE}"
            )


def try_departures(trial: Trial, talk: bytes) -> None:
    """A peer may disconnect at any moment, also before it has its answer."""
    for at in (0, *trial.cut_offsets(talk), len(talk)):
        doing = f"when the peer goes after {short_repr(talk[:at])}"
        with trial.new_service(doing) as service:
            peer = service.connect(reads=False)
            peer.feed(talk[:at])
            peer.disconnect(ConnectionResetError("the peer has reset the connection"))
            service.clock.advance(ANSWER_SECONDS)


def garbage_inputs() -> Iterator[bytes]:
    """Yield input that no client of a text protocol sends."""
    yield bytes(range(256)) * 4
    yield b"\0" * 1000 + b"\n"
    yield b"\xff\xfd\x03\xff\xfa\x18\x01\xff" + b"\r\r\n\n\r\n"
    yield b"\xc3\x28 \xed\xa0\x80\r\n"
    yield b"x" * 300_000 + b"\r\n"
    # The same in each run, so that a failure comes again.
    yield random.Random(7).randbytes(20_000)  # noqa: S311 (no secret)


def try_garbage(trial: Trial, talk: bytes) -> None:
    """Garbage, alone or after valid input, causes no failure and harms no other peer."""
    whole = trial.answer(talk)
    for data in garbage_inputs():
        for begun in (b"", talk[: len(talk) // 2], talk):
            with trial.new_service(f"on {short_repr(begun + data)}") as service:
                peer = service.connect()
                peer.feed(begun + data)
                peer.half_close()
                remaining_answer(service, peer)
                came = answer_to_pieces(service, [talk])
            if trial.apart:
                sentence = f"answers {short_repr(talk)} differently after another's garbage"
                trial.expect_same(whole, came, sentence, APART)


def try_two_peers(trial: Trial, talk: bytes) -> None:
    """Two peers that talk at the same time get the same answers as each alone."""
    whole = trial.answer(talk)
    with trial.new_service(f"on {short_repr(talk)} from two peers in turns") as service:
        peers = [service.connect() for _ in range(2)]
        for at in range(len(talk)):
            for peer in peers:
                peer.feed(talk[at : at + 1])
        came = [remaining_answer(service, peer) for peer in peers]
    if trial.apart:
        sentence = f"mixes up two peers that send {short_repr(talk)} at the same time"
        trial.expect_same([whole, whole], came, sentence, APART)


def try_reload(trial: Trial, talk: bytes) -> None:
    """A reload in the middle of a conversation does not change its answers."""
    whole = trial.answer(talk)
    half = len(talk) // 2
    with trial.new_service(f"on a reload after {short_repr(talk[:half])}") as service:
        peer = service.connect()
        peer.feed(talk[:half])
        service.reload()
        peer.feed(talk[half:])
        came = remaining_answer(service, peer)
    trial.expect_same(
        whole, came, f"answers {short_repr(talk)} differently with a reload in between"
    )


def try_stop(trial: Trial, talk: bytes) -> None:
    """A stop answers the input that has come, ends in time, and leaves no timer."""
    with trial.new_service(f"on {short_repr(talk)}") as service:
        peer = service.connect()
        peer.feed(talk)
        # A stop cuts off later answers.
        service.clock.advance(DRAIN_SECONDS - 0.001)
        whole = peer.received()
    with trial.new_service("on a stop") as service:
        # A peer that asks, a peer that has begun to, and one that says nothing.
        asking, begun, silent = (service.connect() for _ in range(3))
        asking.feed(talk)
        begun.feed(talk[: len(talk) // 2])
        connected = [peer for peer in (asking, begun, silent) if not peer.closed]
        stop_and_check_timers(trial, service)
        received = {peer: peer.received() for peer in (asking, begun, silent)}
        for peer in connected:
            if trial.at_stop not in received[peer]:
                raise AssertionError(
                    f"{trial.name} does not send {short_repr(trial.at_stop)} to each peer when the service "
                    f"stops: one got {short_repr(received[peer])}"
                )
        came = received[asking]
        if trial.at_stop and asking in connected:
            # They may come before the last answers.
            came = came.replace(trial.at_stop, b"", 1)
        if trial.apart:
            excuse = f"{SAME}, or {APART}" if trial.at_stop else f"{SAME}, {APART}, or {AT_STOP}"
            trial.expect_begin(talk, whole, came, "when the service stops meanwhile", excuse)


def try_datagrams(trial: Trial, talk: bytes) -> None:
    """Datagrams: valid, many, garbage, empty, from many senders, around a reload and a stop."""
    with trial.new_service(f"on the datagram {short_repr(talk)}") as service:
        whole = answers_to_datagram(service, talk)
    with trial.new_service(f"on {TIMES} datagrams {short_repr(talk)}") as service:
        for number in range(100):
            service.sender(port=10_000 + number).send(*[talk] * (TIMES // 100))
        service.clock.advance(ANSWER_SECONDS)
    for data in (b"", *(some[:60_000] for some in garbage_inputs()), talk[: len(talk) // 2]):
        with trial.new_service(f"on the datagram {short_repr(data)}") as service:
            service.sender(port=20_000).send(data)
            came = answers_to_datagram(service, talk)
        if trial.apart:
            sentence = f"answers {short_repr(talk)} differently after {short_repr(data)}"
            trial.expect_same(whole, came, sentence, APART)
    with trial.new_service(
        f"on the datagram {short_repr(talk)} after a reload, and on a stop"
    ) as service:
        service.reload()
        trial.expect_same(
            whole,
            answers_to_datagram(service, talk),
            f"answers {short_repr(talk)} differently after a reload",
        )
        stop_and_check_timers(trial, service)


STREAM_TRIALS = (
    try_cuts,
    try_two_peers,
    try_departures,
    try_half_close,
    try_garbage,
    try_repeated_talk,
    try_slow_reader,
    try_reload,
    try_stop,
)
DATAGRAM_TRIALS = (try_datagrams,)
