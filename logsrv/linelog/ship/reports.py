"""The reports of a target's process to the daemon, about its progress and its faults: JSON objects.

There is a class for each kind of report. Its name and its fields are the object: a daemon and its own
processes are of one version. The process makes reports (`progress.py`, the senders and `send_loop.py`) and
saves those that change the target's state (`ship_child.py`); the daemon counts and logs them
(`target_monitor.py`).
"""

from __future__ import annotations

import json
from typing import get_args

import attrs

from logsrv.linelog.store.segment import Position


@attrs.frozen
class TextAcknowledged:
    """The target has everything up to a position: an answer for some lines came after some seconds."""

    position: Position
    bytes: int
    lines: int
    seconds: float


@attrs.frozen
class SegmentPassed:
    """The segment before a position has ended, and nothing of it is still to be sent."""

    position: Position


@attrs.frozen
class PlaceSaved:
    """The position of the shipper is on the medium."""

    position: Position


@attrs.frozen
class SegmentsReleased:
    """An archive has all segments before number `until` whole: retention may remove them."""

    until: int


@attrs.frozen
class AttemptFailed:
    """An attempt failed; the next one is in some seconds. reason: a word for counters."""

    why: str
    reason: str
    seconds: float


@attrs.frozen
class LinesRefused:
    """The target will never take some lines. bytes, lines: of those that are kept in NAME.refused."""

    why: str
    bytes: int
    lines: int


@attrs.frozen
class GapFound:
    """Text was removed from the store before it was sent. bytes: None if unknown."""

    bytes: int | None
    lines: int


@attrs.frozen
class RemovedInAll:
    """The total of the text that was removed before it was sent.

    missed: the lines that are gone where the target needs the next: 0 if their number is unknown, None if
    there are none.
    """

    bytes: int
    lines: int
    missed: int | None


@attrs.frozen
class TextResent:
    """The target has lost text that it had acknowledged; sending goes back to a position.

    bytes: the size of this text; None if unknown.
    """

    why: str
    position: Position
    bytes: int | None


@attrs.frozen
class StoreForgotten:
    """The target has nothing of this store any more; sending goes on at a position."""

    why: str
    position: Position


@attrs.frozen
class SegmentLost:
    """The target has lost a segment whose text is not in the store any more either."""

    why: str


@attrs.frozen
class ReadersLack:
    """The lines that readers of the target lack: from where to where; "" if they lack none any more."""

    lines: str


@attrs.frozen
class TargetUp:
    """The target takes lines. promise: a sentence about what its answers mean."""

    promise: str


@attrs.frozen
class TargetDown:
    """The target does not take lines any more."""

    why: str


@attrs.frozen
class ShipperStopped:
    """The shipper has ended by itself. why: a sentence that says what to do."""

    why: str


@attrs.frozen
class Trouble:
    """A sentence for the operator; the shipper goes on."""

    why: str


@attrs.frozen
class LagMeasured:
    """The size of the text after a position, which the target lacks, and the age of its first line."""

    position: Position
    bytes: int
    lines: int
    seconds: float


PositionReport = TextAcknowledged | SegmentPassed | TextResent | StoreForgotten | LagMeasured
"""The reports that tell the present position of the shipper, which may not be saved yet."""

FaultReport = (
    AttemptFailed
    | LinesRefused
    | GapFound
    | TextResent
    | StoreForgotten
    | SegmentLost
    | TargetDown
    | ShipperStopped
    | Trouble
)
"""The reports about a fault: `report_sentence` makes a sentence of each."""

ShipReport = (
    PositionReport
    | PlaceSaved
    | SegmentsReleased
    | RemovedInAll
    | ReadersLack
    | TargetUp
    | FaultReport
)
"""The reports of a shipper: a class for each kind, which names it in a message too."""

_KINDS: dict[str, type[ShipReport]] = {kind.__name__: kind for kind in get_args(ShipReport)}


def report_sentence(report: FaultReport) -> str:
    """Return the report about a fault as a sentence for messages."""
    match report:
        case GapFound(bytes=size, lines=lines):
            what = f" in {lines}" if size and lines else " of"
            return (
                f"{_in_bytes(size)}{what} lines were removed from the store before they were sent"
            )
        case TextResent(why=why, bytes=size):
            return f"{why}; {_in_bytes(size)} are sent again"
        case _:
            return report.why


def _in_bytes(size: int | None) -> str:
    return "an unknown number of bytes" if size is None else f"{size} bytes"


def encode_report(report: ShipReport) -> bytes:
    """Return a report as a line of JSON, without its LF."""
    fields = attrs.asdict(report, recurse=False)
    return json.dumps({"kind": type(report).__name__, **fields}).encode()


def decode_report(line: bytes) -> ShipReport:
    fields = json.loads(line)
    kind = _KINDS[fields.pop("kind")]
    if "position" in fields:
        fields["position"] = Position(*fields["position"])
    return kind(**fields)
