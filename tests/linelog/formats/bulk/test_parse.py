"""Bulk requests: every action has its item, every good document is stored with its index."""

import json
from typing import Any

import pytest

from logsrv.linelog.formats.bulk.parse import ABOUT, add_bulk_documents
from logsrv.linelog.lines.bodies import BodyRules, RequestRefused
from tests.parts.records import lines_of, taken_by


def bulk(*lines: object, path: str = "/_bulk", most: int = 1000) -> tuple[list[bytes], Any]:
    """The documents stored, and the answer."""
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    found = taken_by(add_bulk_documents, b"\n".join([*texts, b""]), BodyRules("", path, most))
    answer = json.loads(found.reply.body)
    assert answer["errors"] == (found.records.refused_count > 0)
    return lines_of(found.records), answer


def test_documents_stay_as_they_were_and_get_their_index():
    stored, answer = bulk(
        {"index": {"_index": "logs", "_id": "7"}},
        b'{"b": 1.10, "a":1}',
        {"create": {}},
        b"{}",
        {"create": {}},
        b'{ "_index": 1, "__index": 2 }',
        path="/usual/_bulk",
    )
    assert stored == [
        b'{"b": 1.10, "a":1,"_index":"logs"}',
        b'{"_index":"usual"}',
        b'{ "_index": 1, "__index": 2,"___index":"usual"}',
    ]
    assert [item.popitem()[1]["status"] for item in answer["items"]] == [201] * 3


def test_each_bad_document_is_told_and_the_others_are_stored():
    stored, answer = bulk(
        {"index": {"_index": "x"}}, b"no json",
        {"index": {}}, b"[1]",
        {"update": {"_id": "1"}}, {"doc": {}},
        {"delete": {"_id": "1"}},
        {"index": {}}, {"long": "x" * 100},
        {"index": {}}, {"a": 1},
        {"index": {}},
        most=50,
    )  # fmt: skip
    assert stored == [b'{"a": 1}']
    statuses = [next(iter(item.values()))["status"] for item in answer["items"]]
    assert statuses == [400, 400, 400, 400, 413, 201, 400]
    assert [next(iter(item)) for item in answer["items"]][2:4] == ["update", "delete"]
    assert "no JSON" in answer["items"][0]["index"]["error"]["reason"]


@pytest.mark.parametrize("line", [b"no json", b"[]", b"{}", b'{"store": {}}', b'{"index": 1}'])
def test_an_invalid_action_refuses_the_whole_request(line):
    with pytest.raises(RequestRefused) as refused:
        bulk({"index": {}}, {"a": 1}, line, {"a": 1})
    assert refused.value.status == 400 and "line 3" in str(refused.value)


def test_the_answer_about_the_server_has_a_version():
    assert json.loads(ABOUT.body)["version"]["number"]


def test_names_in_the_path_are_not_multiplied_without_end():
    for document in (b"{}", b"no JSON"):
        body = (b'{"index":{}}\n%b\n' % document) * 100
        with pytest.raises(
            RequestRefused, match="the message becomes records of more than 50000 bytes"
        ):
            taken_by(add_bulk_documents, body, BodyRules("", f"/{'x' * 900}/_bulk", 2000, 50_000))


@pytest.mark.parametrize("number", [1, 2, 3, 50])
@pytest.mark.parametrize("document", [b"{}", b"no JSON"])
def test_the_items_of_the_answer_have_a_limit_of_their_own(number, document):
    """Its last item is the first over it; each item alone is far below."""
    body = b'{"index":{"_index":"%b"}}\n%b\n' % (b"x" * 300, document) * number
    answer = taken_by(add_bulk_documents, body, BodyRules("", "/_bulk", 2000)).reply.body
    items = answer[answer.index(b"[") + 1 : answer.rindex(b"]")]
    size = len(items) - items.count(b",{")
    taken_by(add_bulk_documents, body, BodyRules("", "/_bulk", 2000, max_body=size))
    with pytest.raises(RequestRefused, match=f"the answer has more than {size - 1} bytes"):
        taken_by(add_bulk_documents, body, BodyRules("", "/_bulk", 2000, max_body=size - 1))


def test_an_action_is_short_however_long_a_document_may_be():
    longest = b'{"index":{"_id":"%b"}}' % (b"x" * ((256 << 10) - 20))
    assert len(bulk({"index": {}}, {}, longest, {}, most=1 << 20)[0]) == 2
    with pytest.raises(RequestRefused, match="line 3, an action, has more than 262144 bytes"):
        bulk({"index": {}}, {}, longest + b" ", {}, most=1 << 20)
