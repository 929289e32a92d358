"""The target `es:`: documents of bulk requests, and what the answer says of each."""

import gzip
import json

import pytest

from logsrv.linelog.formats.bulk.target import ElasticsearchTarget
from logsrv.linelog.ship.targets.http_client import LARGEST_ANSWER
from logsrv.linelog.ship.targets.target import PartlyRefused, RefusedForGood, TooMuchAtOnce
from tests.parts.far_sides import closing, sent, settings, unavailable
from tests.parts.http_servers import Asked, Told, serving
from tests.parts.reactor import REACTOR


def target(url: str) -> ElasticsearchTarget:
    return ElasticsearchTarget(settings("es+" + url), REACTOR)


def told(*statuses: int) -> Told:
    items = [{"create": {"status": each, "error": {"reason": f"for {each}"}}} for each in statuses]
    return Told(200, json.dumps({"errors": set(statuses) != {201}, "items": items}).encode())


def documents(asked: Asked) -> list[str]:
    lines = gzip.decompress(asked.body).splitlines()
    assert lines[::2] == [b'{"create":{}}'] * (len(lines) // 2)
    return [json.loads(document)["message"] for document in lines[1::2]]


@pytest.mark.parametrize("path", ["/logs", "/logs/", "/logs/_bulk"])
async def test_documents_go_to_an_index(path):
    with serving(told(201, 201)) as server:
        async with closing(target(server.url + path)) as one:
            await one.send(sent(b"a", b"b"))
    [asked] = server.asked
    assert asked.path.startswith("/logs/_bulk?filter_path=errors,items.")
    assert documents(asked) == ["a", "b"]


async def test_a_refused_document_is_named_and_the_others_are_stored():
    with serving(told(201, 400, 201), told(400, 409)) as server:
        async with closing(target(server.url + "/logs")) as one:
            with pytest.raises(PartlyRefused, match="refuses documents: 400 for 400") as some:
                await one.send(sent(b"a", b"b", b"c"))
            assert (some.value.number, list(some.value.which)) == (1, [1])
            with pytest.raises(RefusedForGood) as each:
                await one.send(sent(b"a", b"b"))
            assert not isinstance(each.value, PartlyRefused)


async def test_only_documents_without_room_are_sent_again():
    """429 of an item is for later; others of the same lines are stored and stay so."""
    lines = sent(b"a", b"b", b"c", b"d")
    with serving(told(201, 429, 400, 503), told(429, 201), told(201), told(201)) as server:
        async with closing(target(server.url + "/logs")) as one:
            why = await unavailable(one.send(lines))
            assert "has no room for 2 of 4 documents: 429 for 429" in str(why) and not why.settled
            await unavailable(one.send(lines))
            with pytest.raises(PartlyRefused) as some:
                await one.send(lines)
            assert list(some.value.which) == [2]
            await one.send(sent(b"e"))
    assert list(map(documents, server.asked)) == [["a", "b", "c", "d"], ["b", "d"], ["b"], ["e"]]


async def test_a_batch_other_than_the_partly_stored_one_is_sent_whole():
    """As when the shipper takes fewer, or has begun anew."""
    with serving(told(201, 429), told(201), told(201, 201)) as server:
        async with closing(target(server.url + "/logs")) as one:
            await unavailable(one.send(sent(b"a", b"b")))
            await one.send(sent(b"a"))
            await one.send(sent(b"a", b"b"))
    assert list(map(documents, server.asked)) == [["a", "b"], ["a"], ["a", "b"]]


async def test_an_answer_about_too_many_documents_asks_for_fewer():
    """Each of them may be refused at length; the same answer would come each time."""
    long = Told(200, b'{"errors":true,"items":[' + b" " * LARGEST_ANSWER)
    with serving(long, long) as server:
        async with closing(target(server.url + "/logs")) as one:
            with pytest.raises(TooMuchAtOnce, match="for 2 documents is too long"):
                await one.send(sent(b"a", b"b"))
            why = await unavailable(one.send(sent(b"a")))
            assert "broke off or is too long" in str(why)


async def test_a_server_that_is_not_elasticsearch_is_a_settled_error():
    with serving(Told(200, b"<html>It works!"), Told(403), Told(404)) as server:
        async with closing(target(server.url + "/logs")) as one:
            for said in ("does not answer as Elasticsearch does", "403", "404"):
                why = await unavailable(one.send(sent(b"a")))
                assert why.settled and said in str(why)
