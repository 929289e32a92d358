"""The accounts that docs/shipping.md recommends, at real servers: enough rights, and no more."""

import asyncio
import json
from typing import Any

import nats
import nats.errors
import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.formats.nats import fetching
from logsrv.linelog.formats.nats.target import JetStreamTarget
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import LastBlock
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from tests.parts.modules import ROOT
from tests.parts.nats_centres import Centre, chain, refused, ship
from tests.parts.nats_servers import (
    NatsServer,
    debian,
    newer,
    one_server,
    url_of,
)
from tests.parts.reactor import REACTOR, until

ONE, OTHER = "0a" * 16, "1b" * 16
DOCUMENT = (ROOT / "docs/shipping.md").read_text()
_PRINTED = DOCUMENT[DOCUMENT.index("\naccounts {\n") :].partition("\n```")[0] + "\n"
_EDGE = _PRINTED[_PRINTED.index("  EDGE_1 {") : _PRINTED.rindex("}")]
# A second edge, as the page says to add it.
_SECOND = (
    _EDGE.replace("EDGE_1", "EDGE_2")
    .replace("edge-1", "edge-2")
    .replace("change-me-3", "change-me-4")
    .replace(ONE, OTHER)
)
ACCOUNTS = _PRINTED.replace(_EDGE, _EDGE + _SECOND)
EITHER = pytest.mark.parametrize("program", [debian, newer])
CONFIG = {"name": "LOGS", "subjects": ["logs.*"], "storage": "file", "retention": "limits"}
PASSWORDS = {"admin": 1, "centre": 2, "edge-1": 3, "edge-2": 4}


def edge(
    server: NatsServer, store: str = ONE, user: str = "edge-1", api: str = "&api=JS.API"
) -> JetStreamTarget:
    url = parse_ship_url(f"{url_of([server])}?user={user}{api}")
    token = f"change-me-{PASSWORDS[user]}"
    return JetStreamTarget(TargetSettings(name="a", url=url, store=store, token=token), REACTOR)


async def connected(server: NatsServer, user: str) -> Any:
    async def ignore(error: Exception) -> None:
        """Take note of no refusal: what has happened is asked of the stream."""

    return await nats.connect(
        f"nats://127.0.0.1:{server.port}",
        user=user,
        password=f"change-me-{PASSWORDS[user]}",
        error_cb=ignore,
    )


async def api(client: Any, what: str, order: object = None) -> Any:
    body = b"" if order is None else json.dumps(order).encode()
    return json.loads((await client.request(f"$JS.API.{what}", body, timeout=PATIENCE)).data)


def make_stream(server: NatsServer, **more: object) -> None:
    async def make() -> None:
        client = await connected(server, "admin")
        made = await api(client, "STREAM.CREATE.LOGS", {**CONFIG, "allow_direct": True, **more})
        assert "error" not in made
        await client.close()

    asyncio.run(make())


@EITHER
async def test_an_edge_ships_goes_on_behind_a_restart_and_a_centre_fetches(
    program, tmp_path, monkeypatch
):
    monkeypatch.setattr(fetching, "LOOK", 0.1)
    with one_server(program(), tmp_path, ACCOUNTS) as server:
        await deferToThread(make_stream, server)
        blocks = chain(ONE, 4)
        first = edge(server)
        assert await ship(first, blocks[:2]) is None
        assert first.promise.startswith("exactly once; the stream LOGS keeps them on 1 server")
        again = edge(server)
        assert await again.fetch_last_block() == LastBlock(
            blocks[1].end, blocks[1].start, blocks[1].crc
        )
        other = edge(server, OTHER, "edge-2")
        assert await other.fetch_last_block() is None
        centre = Centre(
            server, ":user=centre:api=JS.API", login={"user": "centre", "password": "change-me-2"}
        )
        centre.start()
        await until(lambda: len(centre.stored) >= 2, "two blocks")
        for block in blocks[2:]:
            await again.send(block)
        await other.send(chain(OTHER, 1)[0])
        await until(lambda: len(centre.stored) >= 5, "all blocks")
        assert centre.places(ONE) == [str(block.end) for block in blocks]
        for one in again, other:
            await one.close()
        await centre.stop()


# What somebody asks with the password of an edge, and what the answer is to be sent to.
OTHERS = [
    ("logs." + OTHER, ""),
    ("JS.API.DIRECT.GET.LOGS.logs." + OTHER, ""),
    ("$JS.API.DIRECT.GET.LOGS.logs." + OTHER, ""),
    *(
        (f"{prefix}.{what}", "")
        for prefix in ("JS.API", "$JS.API")
        for what in (
            "STREAM.PURGE.LOGS",
            "STREAM.DELETE.LOGS",
            "STREAM.MSG.GET.LOGS",
            "STREAM.MSG.DELETE.LOGS",
            "STREAM.UPDATE.LOGS",
            "STREAM.SNAPSHOT.LOGS",
            "STREAM.NAMES",
            "CONSUMER.CREATE.LOGS",
            "CONSUMER.DURABLE.CREATE.LOGS.x",
            "CONSUMER.LIST.LOGS",
        )
    ),
    *(
        (asked, answer)
        for asked in ("JS.API.STREAM.INFO.LOGS", "JS.API.DIRECT.GET.LOGS.logs." + ONE)
        for answer in ("logs." + OTHER, "$JS.API.STREAM.PURGE.LOGS", "$JS.API.STREAM.DELETE.LOGS")
    ),
]
ORDER = {
    **CONFIG,
    "stream_name": "LOGS",
    "seq": 1,
    "last_by_subj": f"logs.{OTHER}",
    "deliver_subject": "x",
}


async def misuse(
    server: NatsServer, user: str, asked: list[tuple[str, str]], most: int = 0
) -> tuple[Any, list[bytes], Any]:
    """Ask all that; return the stream before, what was heard, and the stream behind it.

    most: the number of messages that the stream is to have then.
    """
    admin, somebody = await connected(server, "admin"), await connected(server, user)
    heard = []

    async def hear(message: Any) -> None:
        heard.append(message.data)

    await somebody.subscribe(">", cb=hear)
    await somebody.subscribe("_INBOX.>", cb=hear)
    order = {"subjects_filter": ">"}
    before = await api(admin, "STREAM.INFO.LOGS", order)
    for subject, answer in asked:
        reply = answer or somebody.new_inbox()
        await somebody.publish(
            subject, json.dumps({**ORDER, "config": ORDER}).encode(), reply=reply
        )
    # An answer to somebody else, which is none of theirs to hear.
    await api(admin, "STREAM.MSG.GET.LOGS", {"seq": 1})
    for client in somebody, admin, somebody:
        await client.flush(timeout=PATIENCE)
    behind = await api(admin, "STREAM.INFO.LOGS", order)
    for _ in range(300):
        if behind["state"]["messages"] >= most:
            break
        await asyncio.sleep(0.1)
        behind = await api(admin, "STREAM.INFO.LOGS", order)
    for client in somebody, admin:
        await client.close()
    return before, heard, behind


@EITHER
async def test_an_edge_publishes_its_own_subject_and_nothing_else(program, tmp_path):
    with one_server(program(), tmp_path, ACCOUNTS) as server:
        await deferToThread(make_stream, server)
        made = {ONE: chain(ONE, 1)[0], OTHER: chain(OTHER, 1)[0]}
        for store, user in ((ONE, "edge-1"), (OTHER, "edge-2")):
            await ship(edge(server, store, user), [made[store]])
        before, heard, behind = await deferToThread(
            lambda: asyncio.run(misuse(server, "edge-1", OTHERS))
        )
        assert before["state"]["subjects"] == {f"logs.{ONE}": 1, f"logs.{OTHER}": 1}
        assert (behind["config"], behind["state"]) == (before["config"], before["state"])
        assert not [data for data in heard if made[OTHER].packed in data or b'"hdrs"' in data]
        own = [("logs." + ONE, "logs." + OTHER), ("logs." + ONE, "$JS.API.STREAM.PURGE.LOGS")]
        _, _, behind = await deferToThread(lambda: asyncio.run(misuse(server, "edge-1", own, 4)))
        assert behind["state"]["subjects"] == {f"logs.{ONE}": 3, f"logs.{OTHER}": 1}


async def test_a_centre_removes_nothing(tmp_path):
    with one_server(newer(), tmp_path, ACCOUNTS) as server:
        await deferToThread(make_stream, server)
        await ship(edge(server), chain(ONE, 1))
        asked = [pair for pair in OTHERS if "CONSUMER.CREATE" not in pair[0]]
        before, _, behind = await deferToThread(
            lambda: asyncio.run(misuse(server, "centre", asked))
        )
        assert (behind["config"], behind["state"]) == (before["config"], before["state"])


async def test_a_right_that_is_missing_is_named(tmp_path):
    """Where edges are users of one account, or a stream gives nothing out by its subject."""
    config = f"""
accounts {{ LOGS {{ jetstream: enabled, users: [
  {{user: admin, password: change-me-1}}
  {{user: edge-1, password: change-me-3, permissions: {{
    publish: ["logs.{ONE}", "$JS.API.STREAM.INFO.LOGS", "$JS.API.DIRECT.GET.LOGS.logs.{ONE}"]
  }}}}
  {{user: edge-2, password: change-me-4, permissions: {{publish: "$JS.API.>", subscribe: "x"}}}}
] }} }}
"""
    with one_server(newer(), tmp_path, config) as server:
        for user, more, why in (
            (
                "edge-1",
                None,
                "there is no stream LOGS, and this account may not publish to .*CREATE",
            ),
            ("edge-2", None, r"this account may not subscribe to _INBOX\."),
            ("edge-1", {"allow_direct": False}, r"STREAM\.MSG\.GET\.LOGS: .*set allow_direct"),
        ):
            if more is not None:
                await deferToThread(lambda: make_stream(server, allow_direct=False))
            assert await refused(edge(server, ONE, user, ""), why)


async def test_an_account_without_the_stream_is_told_of_the_prefix(tmp_path):
    with one_server(newer(), tmp_path, ACCOUNTS) as server:
        one = edge(server, ONE, "edge-1", "")
        await refused(one, r"not enabled for account; .* as api=JS\.API")
