"""The target that gets blocks over HTTP: a centre, which reports its place and stores each block once."""

from __future__ import annotations

from typing import Any

from logsrv.linelog.ship.targets.http_client import HttpAnswer, HttpClient
from logsrv.linelog.ship.targets.target import LastBlock, MisplacedBlock, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.packed_block import LARGEST, PackedBlock
from logsrv.linelog.store.segment import Position, parse_position

WINDOW = 3
"""The blocks in flight: one on the way, one that the centre checks, and one that it syncs."""
CODING = {"Content-Encoding": "zstd", "Content-Type": "application/octet-stream"}


class CentreTarget:
    """Another store that takes our blocks, at `https://HOST[:PORT]/blocks`."""

    promise = "exactly once: the centre answers when a block is on its disk, and says where it is"
    largest = LARGEST
    has_removed_blocks = False
    warning = missing = ""
    window = WINDOW

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        bearer = None if settings.token is None else f"Bearer {settings.token}"
        self._client = HttpClient(settings, reactor, bearer, connections=WINDOW)
        query = f"?{settings.url.query}" if settings.url.query else ""
        self._target = f"{settings.url.path}{query}"
        self._question = f"{settings.url.path}/{settings.store}{query}"
        self._who = settings.url.loggable_url

    async def fetch_last_block(self) -> LastBlock | None:
        """Return the centre's place; None if it has nothing of this store."""
        answer = await self._client.request("GET", self._question, accepted=(404,))
        if answer.status == 404:
            # Any unused path answers 404, but not with this body.
            if answer.body.strip() != b'{"place": null}':
                raise Unavailable(f"{self._who} takes no blocks at this path", settled=True)
            return None
        position = self._header_position(answer, "logsrv-to")
        if position is None:
            raise Unavailable(
                f"{self._who} does not say up to which position it has lines (Logsrv-To)",
                settled=True,
            )
        try:
            crc = int(answer.headers.get("logsrv-crc", ""), 16)
        except ValueError:
            crc = None
        return LastBlock(position, self._header_position(answer, "logsrv-from"), crc)

    async def send(self, block: PackedBlock) -> None:
        """Send a block; return when the centre has it on disk."""
        headers = {**CODING, **block.headers()}
        answer = await self._client.request(
            "POST", self._target, headers=headers, body=block.packed, accepted=(409,)
        )
        position = self._header_position(answer, "logsrv-to")
        # A place after the block: it had these lines already, or others there, and dropped the block.
        if answer.status == 409 or (position is not None and position > block.end):
            raise MisplacedBlock(position)
        if position is None or position < block.end:
            raise Unavailable(f"{self._who} answers without confirming the block", settled=True)

    def _header_position(self, answer: HttpAnswer, name: str) -> Position | None:
        text = answer.headers.get(name)
        if text is None:
            return None
        try:
            return parse_position(text)
        except ValueError:
            raise Unavailable(f"{self._who} sends an invalid {name} header", settled=True) from None

    async def close(self) -> None:
        await self._client.close()
