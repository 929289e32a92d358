"""Telnet's commands in a chunk, all found at once with NumPy: no bytes make a chunk expensive.

What an IAC means depends on how many stand before it. A run of them is pairs, which are data, and
perhaps a last one, which begins a command with the byte behind the run, its follower. Only if the
byte before the run is WILL, WONT, DO, DONT or SB of a command can the first of the run be an option,
and belong to no pair: so `entered` is a running exclusive-or, as each run decides it for the next.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from logsrv.kit.framing.few_commands import MAX_NAWS, MAX_SUBNEGOTIATION

Codes: TypeAlias = npt.NDArray[np.uint8]
Places: TypeAlias = npt.NDArray[np.intp]
Marks: TypeAlias = npt.NDArray[np.bool_]

_IAC = 255
_DONT, _DO, _WONT, _WILL, _SB = 254, 253, 252, 251, 250
_AYT, _SE = 246, 240
_FIRST_COMMAND = 236
_NAWS = 31
_LF = 10

# By the byte behind IAC. SB is not told by that byte alone.
_TAKES_OPTION = np.isin(np.arange(256), (_WILL, _WONT, _DO, _DONT))
_ASKS = np.isin(np.arange(256), (_WILL, _DO, _AYT))
_LENGTHS = np.where(_TAKES_OPTION, 3, np.where(np.arange(256) < _FIRST_COMMAND, 0, 2))
_LENGTHS[_SB] = 0


@attrs.frozen
class Commands:
    """data: the chunk without its commands. unfinished: its end, which may become one.

    asked: a row (command, option) for each WILL, DO and AYT, in their order.
    """

    data: bytes
    unfinished: bytes
    asked: Codes

    def answers(self, presence: bytes, most: int) -> bytes:
        """The first answers, `most` bytes of them at most; `presence` is the one to AYT."""
        ayt = self.asked[:, 0] == _AYT
        sizes = np.cumsum(np.where(ayt, len(presence), 3))
        asked = self.asked[: np.searchsorted(sizes, most, "right")]
        answers = np.empty((len(asked), 3), np.uint8)
        answers[:, 0] = _IAC
        answers[:, 1] = np.where(asked[:, 0] == _DO, _WONT, _DONT)
        answers[:, 2] = asked[:, 1]
        # Its first byte begins no other answer, and its second none at all.
        answers[ayt[: len(asked)]] = _AYT, 0, 0
        return answers.tobytes().replace(bytes((_AYT, 0, 0)), presence)


def commands_in(chunk: bytes) -> Commands:
    """The commands of `chunk`, which begins outside of one and has an IAC in it."""
    codes = np.frombuffer(chunk, np.uint8)
    size = len(codes)
    runs = _Runs.of(codes)
    entered, option_endings = _entered(codes, runs)
    (begins,) = np.nonzero((runs.odd ^ entered).view(bool))
    doubled = runs.doubled(entered)
    if not len(begins):
        data = _without(codes, begins, begins, doubled)
        return Commands(data.tobytes(), b"", codes[:0].reshape(0, 2))
    at = runs.end[begins] - 1
    command = runs.follower[begins]
    length = _LENGTHS[command]
    last = int(at[-1])
    cut = last if last + max(2, int(length[-1])) > size else size
    (sb,) = np.nonzero(command == _SB)
    if len(sb):
        known = option_endings[begins[sb]]
        ending = np.where(known >= 0, known, np.append(begins, len(runs.end))[sb + 1])
        which, stop, closed = _values(codes, runs, begins[sb], ending)
        sb = sb[which]
        # IAC SE is a command of its own, and swallows itself.
        length[sb[closed]] = stop[closed] - at[sb[closed]]
        cut = int(at[sb[~closed]].min(initial=cut))
    decided = np.searchsorted(at, cut)
    at, length, command = at[:decided], length[:decided], command[:decided]
    data = _without(codes[:cut], at, length, doubled[: np.searchsorted(doubled, cut)])
    at = at.compress(_ASKS[command])
    asked = np.stack([codes[at + 1], codes[np.minimum(at + 2, size - 1)]], axis=1)
    return Commands(data.tobytes(), chunk[cut:], asked)


@attrs.frozen
class _Runs:
    """Runs of IACs: [start, end), the parity of their length, and the byte behind each.

    At the end of the chunk the follower is 0. touches: only its follower stands before the next run.
    ends: whether a value may end at its last IAC, because SE follows or nothing yet. It has one more
    entry, for the end of the chunk.
    iac: all IACs. lf: all LFs, if there is an SB that may care.
    """

    iac: Places
    lf: Places
    start: Places
    end: Places
    odd: Codes
    follower: Codes
    touches: Marks
    ends: Marks

    @classmethod
    def of(cls, codes: Codes) -> _Runs:
        (at,) = np.nonzero(codes == _IAC)
        (breaks,) = np.nonzero(at[1:] - at[:-1] != 1)
        start = at[np.append(0, breaks + 1)]
        end = at[np.append(breaks, len(at) - 1)] + 1
        follower = codes[np.minimum(end, len(codes) - 1)]
        ends = np.append(follower == _SE, True)
        if end[-1] == len(codes):
            follower[-1] = 0
            ends[-2] = True
        touches = np.append(start[1:] == end[:-1] + 1, False)
        lf = np.flatnonzero(codes == _LF) if (follower == _SB).any() else at[:0]
        odd = ((end - start) & 1).astype(np.uint8)
        return cls(at, lf, start, end, odd, follower, touches, ends)

    def doubled(self, entered: Codes) -> Places:
        """The second IAC of each pair (and some that are part of a command)."""
        if len(self.iac) == len(self.end):
            return self.iac[:0]
        # Numbers of one byte: only whether a distance is odd matters.
        first = (self.start + entered).astype(np.uint8)
        distance = self.iac.astype(np.uint8) - np.repeat(first, self.end - self.start)
        return self.iac.compress((distance & 1).view(bool))


def _entered(codes: Codes, runs: _Runs) -> tuple[Codes, Places]:
    """Return 1 for each run whose first IAC is an option, else 0; and the endings
    of the SBs before such runs.

    The latter are -1 for other runs. Each is told as if its last IAC began a command.
    """
    number = len(runs.end)
    endings = np.full(number, -1)
    hands_on = runs.touches & _TAKES_OPTION[runs.follower]
    (sb,) = np.nonzero(runs.touches & (runs.follower == _SB))
    if len(sb):
        # The run behind it has lost its first IAC: now an even one has a last that is not in a pair.
        odd = np.append(np.where(runs.odd, np.arange(number), number), number)
        next_odd = np.minimum.accumulate(odd[::-1])[::-1]
        ending = np.where(runs.odd[sb + 1], next_odd[sb + 2], sb + 1)
        which, _, closed = _values(codes, runs, sb, ending)
        hands_on[sb[which[closed]]] = True
        endings[sb] = ending
    entered = np.zeros_like(runs.odd)
    if hands_on.any():
        before = np.bitwise_xor.accumulate(runs.odd)
        entered[1:] = before[:-1]
        first = np.arange(number)
        first[1:][hands_on[:-1]] = 0
        entered ^= entered[np.maximum.accumulate(first)]
    return entered, endings


def _values(codes: Codes, runs: _Runs, sb: Places, ending: Places) -> tuple[Places, Places, Marks]:
    """Find which of the SBs of the runs `sb` are subnegotiations, or may become some.

    ending: the runs with whose last IACs their values end; one more than there are is the end of the
    chunk. Gives positions in `sb`, where each value ends, and whether IAC SE is there.
    """
    (which,) = np.nonzero(runs.ends[ending])
    size = len(codes)
    ending = ending[which]
    value = runs.end[sb[which]] + 2
    stop = np.append(runs.end - 1, size)[ending]
    window = codes[np.minimum(value - 1, size - 1)] == _NAWS
    fits = stop - value <= np.where(window, MAX_NAWS, MAX_SUBNEGOTIATION)
    # An LF says that this is text with a Latin-1 "ÿú" in it; only a window has numbers that may be 10.
    next_lf = np.append(runs.lf, size)[np.searchsorted(runs.lf, value)]
    fits &= window | (next_lf >= stop)
    return which[fits], stop[fits], (stop + 1 < size)[fits]


def _without(codes: Codes, at: Places, length: Places, doubled: Places) -> Codes:
    """`codes` without the `length` bytes at each `at`, and without those at `doubled`."""
    gone = np.flatnonzero(length != 0)
    if not len(gone) and not len(doubled):
        return codes
    at = at[gone]
    edges = np.zeros(len(codes) + 1, np.int8)
    edges[at] = 1
    edges[at + length[gone]] -= 1
    inside = np.cumsum(edges[:-1], dtype=np.int8)
    inside[doubled] = 1
    # Three times as fast as `codes[inside == 0]` if bytes to keep and others are mixed.
    return codes.compress(inside == 0)
