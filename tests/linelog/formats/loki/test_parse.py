"""Pushes to Loki, as JSON and as protobuf in snappy: the same records of both."""

import json
from typing import Any

import cramjam
import pytest

from logsrv.linelog.formats.loki.parse import _push_request_class, add_loki_entries
from logsrv.linelog.lines.bodies import BodyRules, RequestRefused
from tests.parts.records import Taken, lines_of, taken_by

TIME = 1_795_000_000_123_456_789
AT = "2026-11-18T11:06:40.123456789Z"


def push(body: bytes, media: str = "application/json", most: int = 1000) -> Taken:
    return taken_by(
        add_loki_entries, body, BodyRules(media, "/loki/api/v1/push", most, max_body=1 << 20)
    )


def records(found: Taken) -> list[Any]:
    return [json.loads(record) for record in lines_of(found.records)]


def as_json(labels: dict[str, str], *values: list[Any]) -> bytes:
    return json.dumps({"streams": [{"stream": labels, "values": list(values)}]}).encode()


def as_protobuf(labels: str, *entries: tuple[int, bytes, dict[str, bytes]]) -> bytes:
    message = _push_request_class()()
    stream = message.streams.add(labels=labels.encode())
    for time, line, metadata in entries:
        entry = stream.entries.add(line=line)
        entry.timestamp.seconds, entry.timestamp.nanos = divmod(time, 1_000_000_000)
        for name, value in metadata.items():
            entry.metadata.add(name=name, value=value)
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))


def test_both_ways_say_the_same():
    wanted = {"app": "web", "trace": "abc", "time": AT, "message": "two\nlines, ü"}
    one = push(as_json({"app": "web"}, [str(TIME), "two\nlines, ü", {"trace": "abc"}]))
    other = push(
        as_protobuf('{app="web"}', (TIME, "two\nlines, ü".encode(), {"trace": b"abc"})),
        "application/x-protobuf",
    )
    assert records(one) == records(other) == [wanted]
    assert one.reply.status == 204 and one.reply.body == b""


def test_labels_keep_their_names_and_metadata_gives_way():
    labels = {"time": "L", "_time": "M", "x": "1"}
    found = push(as_json(labels, [str(TIME), "m", {"x": "2", "message": "3", "__time": "4"}]))
    assert records(found) == [
        {**labels, "__time": AT, "message": "m", "_x": "2", "_message": "3", "___time": "4"}
    ]


@pytest.mark.parametrize(
    ("number", "stored"), [(1, True), (30, True), (31, True), (32, False), (90, False)]
)
def test_names_of_metadata_that_are_all_taken_reject_their_entry(number, stored):
    """Each of them alone needs few underscores."""
    labels = {"_" * at + "x": "" for at in range(number)}
    found = push(as_json(labels, [str(TIME), "m", labels], [str(TIME), "m", {}]), most=100_000)
    assert len(records(found)) == 1 + stored
    assert found.records.reasons == ({} if stored else {"protocol": 1})


def test_labels_as_go_quotes_them():
    text = r'{ a="x\"y\\z\n", b="\u00fc\x41\U0001f600" , c=""}'
    found = push(as_protobuf(text, (TIME, b"m", {})), "application/x-protobuf")
    assert {"a": 'x"y\\z\n', "b": "üA\U0001f600", "c": ""}.items() <= records(found)[0].items()
    assert "a" not in records(push(as_protobuf("{}", (TIME, b"m", {})), ""))[0]


def test_bytes_that_are_no_text():
    found = push(as_protobuf("{}", (0, b"a\xff", {"x": b"\xfe"})), "application/x-protobuf")
    assert records(found) == [
        {"x": "\\xfe", "time": "1970-01-01T00:00:00.000000000Z", "message": "a\\xff"}
    ]


def test_an_entry_too_long_is_told_and_the_others_are_stored():
    found = push(as_json({}, [str(TIME), "x" * 200], [str(TIME), "short"]), most=100)
    assert [one["message"] for one in records(found)] == ["short"]
    assert found.reply.status == 413 and b"1 of 2 entries" in found.reply.body


@pytest.mark.parametrize("bad", [1, ["x", "y"], ["1"], ["1", 2], ["1", "m", [1]], {"a": 1}])
def test_a_bad_entry_costs_nobody_else_anything(bad):
    found = push(as_json({"a": "b"}, [str(TIME), "one"], bad, [str(TIME), "two"]))
    assert [one["message"] for one in records(found)] == ["one", "two"]
    assert found.records.reasons == {"protocol": 1}
    assert found.reply.status == 400 and b"1 of 3 entries are invalid" in found.reply.body


@pytest.mark.parametrize(
    ("bad", "number"),
    [(1, 1), ({"stream": 1, "values": [[], []]}, 2), ({"stream": {}, "values": "x"}, 1)],
)
def test_a_bad_stream_costs_its_entries(bad, number):
    good = {"stream": {"a": "b"}, "values": [[str(TIME), "good"]]}
    found = push(json.dumps({"streams": [good, bad, good]}).encode())
    assert [one["message"] for one in records(found)] == ["good"] * 2
    assert found.records.reasons == {"protocol": number}


def test_entries_under_a_key_of_no_meaning_are_counted_in_each_stream():
    entry = [str(TIME), "stored"]
    one = {"stream": {}, "values": [entry], "entries": [1, 2], "more": [3]}
    found = push(json.dumps({"streams": [one, {**one, "more": []}, one]}).encode())
    assert len(records(found)) == 3
    assert found.records.reasons == {"unknown": 3 + 2 + 3}


def test_bad_labels_of_protobuf_cost_their_entries():
    message = _push_request_class()()
    for labels in (b'{a="b"}', b"{a", b'{a="b"}'):
        message.streams.add(labels=labels).entries.add(line=labels)
    body = bytes(cramjam.snappy.compress_raw(message.SerializeToString()))
    found = push(body, "application/x-protobuf")
    assert [one["message"] for one in records(found)] == ['{a="b"}'] * 2
    assert found.reply.status == 400 and found.records.reasons == {"protocol": 1}


@pytest.mark.parametrize("labels", ["", "a", "{a}", '{a="x}', '{a="x" b="y"}', '{\udce4="'])
def test_invalid_labels_are_refused_with_400(labels):
    with pytest.raises(RequestRefused) as refused:
        push(as_protobuf(labels.encode("utf-8", "replace").decode(), (1, b"m", {})), "")
    assert refused.value.status == 400


def test_what_is_no_snappy_is_too_large_or_another_type():
    statuses = {}
    for body, media in (
        (b"\xff" * 9, "application/x-protobuf"),
        (cramjam.snappy.compress_raw(b"\xff"), "application/x-protobuf"),
        (cramjam.snappy.compress_raw(bytes(2 << 20)), "application/x-protobuf"),
        (b"{}", "text/plain"),
    ):
        with pytest.raises(RequestRefused) as refused:
            push(bytes(body), media)
        statuses[len(body), media] = refused.value.status
    assert list(statuses.values()) == [400, 400, 413, 415]


def test_labels_are_not_multiplied_without_end():
    body = as_json({"app": "x" * 900}, *[["1", "x"]] * 100)
    for most in (1000, 500):
        # As records, and left out.
        with pytest.raises(
            RequestRefused, match="the message becomes records of more than 50000 bytes"
        ) as info:
            taken_by(
                add_loki_entries,
                body,
                BodyRules("application/json", "/loki/api/v1/push", most, 50_000),
            )
        assert info.value.status == 413


def test_labels_of_megabytes_are_none():
    """A value of 1 MB in 48 KB of snappy took half a second; as escapes a whole one."""
    for text in ("x" * 65_527, r"\x80" * 16_381 + "xxx"):
        found = push(as_protobuf(f'{{a="{text}"}}', (TIME, b"m", {})), "", most=1 << 20)
        assert len(found.records) == 1
        with pytest.raises(RequestRefused) as refused:
            push(as_protobuf(f'{{a="{text}xxxxx"}}', (TIME, b"m", {})), "", most=1 << 20)
        assert refused.value.status == 400
