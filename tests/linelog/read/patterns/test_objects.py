"""The part of a JSON object that becomes its pattern."""

import json

import pytest

from logsrv.linelog.read.patterns.objects import ObjectParts, read_object


@pytest.mark.parametrize(
    ("object_", "parts"),
    [
        ({"msg": "a", "app": "shop"}, ObjectParts("shop", "msg", "a")),
        ({"msg": "a", "message": "b"}, ObjectParts("", "message", "b")),
        ({"msg": 5, "b": 1}, ObjectParts("", "", "{b, msg}")),
        ({"event": "up", "service": "web"}, ObjectParts("web", "event", "up")),
        (
            {"msg": "a", "kubernetes": {"container_name": "api"}},
            ObjectParts("api", "msg", "a"),
        ),
    ],
)
def test_the_message_or_the_keys(object_, parts):
    assert read_object(json.dumps(object_).encode()) == parts


def test_other_json_is_a_text():
    assert read_object(b"{broken") is None
    assert read_object(b"[1]") is None


def test_an_object_of_many_keys_is_cut():
    found = read_object(json.dumps({f"key{n:03}": n for n in range(50)}).encode())
    assert found is not None and found.text.endswith("key029, …}")
