"""The `blocks` input: a centre, which stores the blocks of other stores, each exactly once.

    POST /blocks       a block, as Zstandard frames, with its headers; 200 when it is on the disk
    GET /blocks/ID     the last block of the store ID: Logsrv-To, Logsrv-From, Logsrv-CRC; 404 if none
    GET /blocks/store  a copy of the whole centre, with a token of its own (copy_body.py)

409 with Logsrv-To answers a block that does not follow the last one of its store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from logsrv.linelog.framing.bodies.bodies import Reply, RequestRefused, json_line
from logsrv.linelog.inputs.blocks.body import (
    IncomingBlocks,
    block_body,
    check_free,
    check_place,
    place_headers,
)
from logsrv.linelog.inputs.blocks.copy_body import is_for_copies, piece_asked, state_asked
from logsrv.linelog.inputs.http.body import Body, Question, RequestHead, busy, check_room
from logsrv.linelog.inputs.http.channel import HttpInputFactory
from logsrv.linelog.inputs.http.routes import Route
from logsrv.linelog.inputs.intake.connections import Input
from logsrv.linelog.inputs.intake.intake import Intake
from logsrv.linelog.store.segments.segment import STORE_ID

_STALLED = 2.0
"""After this many seconds in which the store accepts nothing, blocks are refused with 503."""


def _posted(coming: IncomingBlocks, head: RequestHead) -> Body:
    if head.intake.valve.closed_for() > _STALLED:
        raise busy("the store accepts nothing at the moment; send it again")
    check_room(head.intake.unfinished, head.length or 0)
    return block_body(head, coming)


def _asked(head: RequestHead) -> Body:
    origin, intake = head.path.rpartition("/")[2], head.intake
    if not STORE_ID.fullmatch(origin):
        raise RequestRefused(400, "protocol", "the ID of a store has 32 hexadecimal digits")
    check_place(origin, intake)
    check_free(origin, intake)
    note = intake.store.origins.last(origin)
    if note is None:
        return Question(Reply(404, json_line(place=None)), intake)
    return Question(Reply(200, json_line(place=str(note.end)), headers=place_headers(note)), intake)


def routes() -> Mapping[str, Sequence[Route]]:
    """Return the routes of each path of a listener."""
    return {
        "/blocks": (Route((b"POST",), own=partial(_posted, IncomingBlocks())),),
        "/blocks/ID": (Route((b"GET", b"HEAD"), own=_asked),),
        "/blocks/store": (Route((b"GET",), own=state_asked),),
        "/blocks/store/NAME": (Route((b"GET",), own=piece_asked),),
    }


class BlockFactory(HttpInputFactory):
    """The factory of a listener for blocks; sending blocks and reading copies need different tokens."""

    def token(self, path: str) -> str | None:
        secrets = self.intake.secrets
        return secrets.restore if is_for_copies(path) else secrets.token


class Blocks(Input):
    """The `blocks` input."""

    name = "blocks"
    no_datagrams = "blocks come over HTTP, which needs connections, such as blocks:tcp:8090"

    def stream(self, intake: Intake) -> HttpInputFactory:
        return BlockFactory(intake, routes())
