"""The `blocks` input: a centre, which stores the blocks of other stores, each exactly once.

    POST /blocks       a block, as Zstandard frames, with its headers; 200 when it is on the disk
    GET /blocks/ID     the last block of the store ID: Logsrv-To, Logsrv-From, Logsrv-CRC; 404 if none

409 with Logsrv-To answers a block that does not follow the last one of its store.
"""

from __future__ import annotations

from functools import partial

from logsrv.linelog.intake.blocks.body import (
    IncomingBlocks,
    block_body,
    last_block_headers,
    require_known_position,
)
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.over_http.body import (
    Body,
    QuestionBody,
    RequestHead,
    require_open_store,
)
from logsrv.linelog.intake.over_http.input import HttpInputFactory
from logsrv.linelog.intake.over_http.routes import Route, Routes
from logsrv.linelog.lines.bodies import Reply, RequestRefused, json_line
from logsrv.linelog.store.segment import STORE_ID


def _body_of_posted_block(coming: IncomingBlocks, head: RequestHead) -> Body:
    require_open_store(head.intake)
    head.intake.unfinished.check_room(head.length or 0)
    return block_body(head, coming)


def _body_of_position_question(head: RequestHead) -> Body:
    origin, intake = head.path.rpartition("/")[2], head.intake
    if not STORE_ID.fullmatch(origin):
        raise RequestRefused(400, "the ID of a store has 32 hexadecimal digits")
    require_known_position(origin, intake)
    # Not the position before a block that is being stored: the sender would send that block again.
    stored = intake.store.origins.under_way.wait_for_last(origin)
    return QuestionBody(stored.addCallback(lambda _: _position_reply(origin, intake)), intake)


def _position_reply(origin: str, intake: Intake) -> Reply:
    note = intake.store.origins.last_block(origin)
    if note is None:
        return Reply(404, json_line(place=None))
    return Reply(200, json_line(place=str(note.end)), headers=last_block_headers(note))


def block_routes() -> Routes:
    """Return the routes of each path of a listener."""
    return {
        "/blocks": (Route((b"POST",), own=partial(_body_of_posted_block, IncomingBlocks())),),
        "/blocks/ID": (Route((b"GET", b"HEAD"), own=_body_of_position_question),),
    }


class Blocks(Input):
    """The `blocks` input."""

    name = "blocks"
    no_datagrams = "blocks come over HTTP, which needs connections, such as blocks:tcp:8090"

    def stream(self, intake: Intake) -> HttpInputFactory:
        return HttpInputFactory(intake, block_routes())
