"""All Telnet commands of a chunk, found at once with NumPy: no input makes this slow.

The meaning of an IAC depends on the IACs before it. In a run of them each pair is one data byte, and an odd
last one begins a command together with the byte after the run, its follower. There is one exception: after
the WILL, WONT, DO, DONT or SB of a command, the first IAC of a run is the option of that command, and
belongs to no pair. Whether a run begins with an option depends on the run before it, whose own first IAC
decides which of its bytes begin a command: an exclusive-or over all runs (`entered`).
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from logsrv.kit.framing._telnet_commands import MAX_NAWS, MAX_SUBNEGOTIATION

Codes: TypeAlias = npt.NDArray[np.uint8]
Offsets: TypeAlias = npt.NDArray[np.intp]
Marks: TypeAlias = npt.NDArray[np.bool_]

_IAC = 255
_DONT, _DO, _WONT, _WILL, _SB = 254, 253, 252, 251, 250
_AYT, _SE = 246, 240
_FIRST_COMMAND = 236
_NAWS = 31
_LF = 10

# Indexed by the byte after IAC. For SB, that byte alone does not decide.
_TAKES_OPTION = np.isin(np.arange(256), (_WILL, _WONT, _DO, _DONT))
_ASKS = np.isin(np.arange(256), (_WILL, _DO, _AYT))
_LENGTHS = np.where(_TAKES_OPTION, 3, np.where(np.arange(256) < _FIRST_COMMAND, 0, 2))
_LENGTHS[_SB] = 0


@attrs.frozen
class TelnetCommands:
    """The commands of a chunk.

    data: the chunk without its commands. unfinished: its last bytes, if they may begin a command. asked: a
    row (command, option) for each WILL, DO and AYT, in their order; an AYT has no option.
    """

    data: bytes
    unfinished: bytes
    asked: Codes

    def answers(self, presence: bytes, most: int) -> bytes:
        """Return the first answers, at most `most` bytes of them; `presence` answers AYT."""
        ayt = self.asked[:, 0] == _AYT
        sizes = np.cumsum(np.where(ayt, len(presence), 3))
        asked = self.asked[: np.searchsorted(sizes, most, "right")]
        answers = np.empty((len(asked), 3), np.uint8)
        answers[:, 0] = _IAC
        answers[:, 1] = np.where(asked[:, 0] == _DO, _WONT, _DONT)
        answers[:, 2] = asked[:, 1]
        # `replace` finds this placeholder nowhere else: no answer begins with AYT, or with 0.
        answers[ayt[: len(asked)]] = _AYT, 0, 0
        return answers.tobytes().replace(bytes((_AYT, 0, 0)), presence)


def parse_telnet_commands(chunk: bytes) -> TelnetCommands:
    """Return the commands of `chunk`, which begins outside of a command and contains an IAC."""
    codes = np.frombuffer(chunk, np.uint8)
    size = len(codes)
    runs = _IACRuns.of(codes)
    entered, option_endings = _runs_with_option_first(codes, runs)
    (begins,) = np.nonzero((runs.odd ^ entered).view(bool))
    doubled = runs.doubled(entered)
    if not len(begins):
        data = _data_without(codes, begins, begins, doubled)
        return TelnetCommands(data.tobytes(), b"", codes[:0].reshape(0, 2))
    at = runs.end[begins] - 1
    command = runs.follower[begins]
    length = _LENGTHS[command]
    last = int(at[-1])
    cut = last if last + max(2, int(length[-1])) > size else size
    (sb,) = np.nonzero(command == _SB)
    if len(sb):
        known = option_endings[begins[sb]]
        ending = np.where(known >= 0, known, np.append(begins, len(runs.end))[sb + 1])
        which, stop, closed = _find_subnegotiations(codes, runs, begins[sb], ending)
        sb = sb[which]
        # The IAC SE that ends a subnegotiation counts as a command of its own.
        length[sb[closed]] = stop[closed] - at[sb[closed]]
        cut = int(at[sb[~closed]].min(initial=cut))
    decided = np.searchsorted(at, cut)
    at, length, command = at[:decided], length[:decided], command[:decided]
    data = _data_without(codes[:cut], at, length, doubled[: np.searchsorted(doubled, cut)])
    at = at.compress(_ASKS[command])
    asked = np.stack([codes[at + 1], codes[np.minimum(at + 2, size - 1)]], axis=1)
    return TelnetCommands(data.tobytes(), chunk[cut:], asked)


@attrs.frozen
class _IACRuns:
    """The runs of IACs in a chunk; each array has one entry for each run.

    start, end: the positions of its first IAC and of the byte after its last. odd: 1 for a run of odd
    length. follower: the byte after the run; 0 at the end of the chunk. touches: only the follower is
    between this run and the next. ends: a value may end at its last IAC, because SE follows, or nothing
    yet; one more entry is for the end of the chunk.
    iac: the positions of all IACs. lf: those of all LFs, if any follower is SB.
    """

    iac: Offsets
    lf: Offsets
    start: Offsets
    end: Offsets
    odd: Codes
    follower: Codes
    touches: Marks
    ends: Marks

    @classmethod
    def of(cls, codes: Codes) -> _IACRuns:
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

    def doubled(self, entered: Codes) -> Offsets:
        """Return the positions of the second IAC of each pair (and of some IACs inside commands)."""
        if len(self.iac) == len(self.end):
            return self.iac[:0]
        # One byte is enough for a distance: it only matters whether it is odd.
        first = (self.start + entered).astype(np.uint8)
        distance = self.iac.astype(np.uint8) - np.repeat(first, self.end - self.start)
        return self.iac.compress((distance & 1).view(bool))


def _runs_with_option_first(codes: Codes, runs: _IACRuns) -> tuple[Codes, Offsets]:
    """Return for each run 1 if its first IAC is an option, else 0; and the run that may end its value.

    The second is for runs with the follower SB that touch the next run, and -1 for others. It supposes that
    the last IAC of the run begins a command.
    """
    number = len(runs.end)
    endings = np.full(number, -1)
    hands_on = runs.touches & _TAKES_OPTION[runs.follower]
    (sb,) = np.nonzero(runs.touches & (runs.follower == _SB))
    if len(sb):
        # The next run has lost its first IAC to SB: so if it is even, its last IAC is in no pair.
        odd = np.append(np.where(runs.odd, np.arange(number), number), number)
        next_odd = np.minimum.accumulate(odd[::-1])[::-1]
        ending = np.where(runs.odd[sb + 1], next_odd[sb + 2], sb + 1)
        which, _, closed = _find_subnegotiations(codes, runs, sb, ending)
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


def _find_subnegotiations(
    codes: Codes, runs: _IACRuns, sb: Offsets, ending: Offsets
) -> tuple[Offsets, Offsets, Marks]:
    """Find the subnegotiations, also unfinished ones, among the SBs that follow the runs `sb`.

    ending: for each, the run whose last IAC ends its value; the number of runs stands for the end of the
    chunk. Returns indexes into `sb`, the position where each value ends, and whether IAC SE is there.
    """
    (which,) = np.nonzero(runs.ends[ending])
    size = len(codes)
    ending = ending[which]
    value = runs.end[sb[which]] + 2
    stop = np.append(runs.end - 1, size)[ending]
    window = codes[np.minimum(value - 1, size - 1)] == _NAWS
    fits = stop - value <= np.where(window, MAX_NAWS, MAX_SUBNEGOTIATION)
    # An LF shows that this is text with a Latin-1 "ÿú" in it; only a window size may contain a byte 10.
    next_lf = np.append(runs.lf, size)[np.searchsorted(runs.lf, value)]
    fits &= window | (next_lf >= stop)
    return which[fits], stop[fits], (stop + 1 < size)[fits]


def _data_without(codes: Codes, at: Offsets, length: Offsets, doubled: Offsets) -> Codes:
    """Return `codes` without the `length` bytes at each `at`, and without the bytes at `doubled`."""
    removed = np.flatnonzero(length != 0)
    if not len(removed) and not len(doubled):
        return codes
    at = at[removed]
    edges = np.zeros(len(codes) + 1, np.int8)
    edges[at] = 1
    edges[at + length[removed]] -= 1
    inside = np.cumsum(edges[:-1], dtype=np.int8)
    inside[doubled] = 1
    # Three times as fast as `codes[inside == 0]` if bytes to keep and to remove are mixed.
    return codes.compress(inside == 0)
