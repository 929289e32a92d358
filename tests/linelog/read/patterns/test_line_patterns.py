"""The patterns of one text's lines."""

from __future__ import annotations

import json

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import elements_of_value
from logsrv.linelog.read.patterns import line_patterns as module
from logsrv.linelog.read.patterns.line_patterns import (
    LinePatterns,
    ObjectParts,
    PatternKey,
    read_object,
    skeletons_of,
)
from logsrv.linelog.read.patterns.skeletons import (
    LONGEST,
    app_in_pattern,
    share_of,
    skeletons,
    template_of_skeleton,
)
from tests.parts.stores import line


def counted(*messages: str | bytes) -> list[tuple[str, str, str, int, int]]:
    stamps = StampedLines(b"".join(line(one, second) for second, one in enumerate(messages)))
    found, unknown = LinePatterns().count(stamps, numpy.arange(len(stamps)))
    assert not unknown
    return [(key.app, key.template, key.level, lines, row) for key, lines, row in found]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("ts=1 app=cart msg=x", id="logfmt"),
        pytest.param('service="cart" msg="x y"', id="another name, in quotes"),
        pytest.param(
            "<38>Nov 20 06:18:42 web1 sshd[77]: app=cart user=5", id="logfmt behind a header"
        ),
        pytest.param(
            "<38>Nov 20 06:18:42 web1 sshd[77]: service=cart user=5",
            id="the header goes before others",
        ),
        pytest.param("Nov 20 06:18:42 web1 CEF:0|a|b|c|d|e|5|app=HTTPS x=1", id="CEF"),
        pytest.param(
            '::1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 500 5 app=shop',
            id="an access log",
        ),
        pytest.param('{"msg": "x", "name": "cart"}', id="a name of something"),
        pytest.param('{"msg": "x", "name": "cart", "level": 30}', id="a name of a logger"),
        pytest.param('{"msg": "x", "service": {"name": "cart"}}', id="a name within"),
        pytest.param('{"msg": "x", "app": null, "service": ["cart", "b"]}', id="a list"),
        pytest.param('{"msg": "x", "app": 7}', id="a number"),
        pytest.param(
            '<38>Nov 20 06:18:42 web1 shop[1]: {"msg": "x", "app": "cart"}',
            id="JSON goes before its header",
        ),
        pytest.param(
            '<38>Nov 20 06:18:42 web1 shop[1]: {"msg": "x", "service": "cart"}',
            id="its other names do not",
        ),
        pytest.param(
            '<38>Nov 20 06:18:42 web1 {"msg": "x", "service": "cart"}', id="JSON behind no program"
        ),
        pytest.param(
            '<38>Nov 20 06:18:42 web1 shop[1]: @cee: {"msg": "x", "app": "cart"}',
            id="an object behind a mark",
        ),
        pytest.param("web-1  | service=cart x=1", id="a container"),
    ],
)
def test_the_program_of_a_pattern_is_the_app_of_its_lines(message):
    app = ParsedLine.of_message(message.encode()).get("app")
    known = "" if app is None else str(elements_of_value(app)[0])
    assert [one[0] for one in counted(message)] == [app_in_pattern(known)]


def test_programs_in_quotes_are_told_apart():
    lines = [
        f'level=info app="{app}" msg="took 5 ms"' for app in ("cart", "pay", "cart", "w7", "w8")
    ]
    found = counted(*lines)
    assert {(app, count) for app, _, _, count, _ in found} == {("cart", 2), ("pay", 1), ("w<n>", 2)}
    assert len({template for _, template, *_ in found}) == 1


@pytest.mark.parametrize(
    ("message", "app", "template", "level"),
    [
        ("<38>Nov 20 06:18:42 web1 sshd[77]: user 5 gone", "sshd", "user <n> gone", "info"),
        ("<11>1 2026-11-20T06:00:03Z web1 pay7 77 - - took 3 ms", "pay<n>", "took <n> ms", "error"),
        ("Nov 20 06:18:42 web1 cron[7]: job 4", "cron", "job <n>", ""),
        ('{"msg": "took 5 ms", "app": "shop"}', "shop", "took <n> ms", ""),
        ('{"msg": "two\\nlines \\"quoted\\""}', "", "two lines <quoted>", ""),
        ('{"cpu": 0.5, "rss": 7}', "", "{cpu, rss}", ""),
        ("{no object} 5", "", "{no object} <n>", ""),
        ('<38>Nov 20 06:18:42 web1 shop[1]: {"msg": "sold 5"}', "shop", "sold <n>", "info"),
        ('<38>Nov 20 06:18:42 web1 shop[1]: {"b": 1, "a": 2}', "shop", "{a, b}", "info"),
        ("plain 5", "", "plain <n>", ""),
        ("", "", "", ""),
        (r"\x1b[31mERROR\x1b[0m failed 5", "", "ERROR failed <n>", "error"),
        ('{"msg": "\\u001b[1mfailed\\u001b[0m 5"}', "", "failed <n>", ""),
        (
            'a - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 500 5',
            "",
            "a - - [<time>] <quoted> <n> <n>",
            "error",
        ),
    ],
)
def test_the_pattern_of_a_message(message, app, template, level):
    assert counted(message) == [(app, template, level, 1, 0)]


def test_lines_of_one_pattern_are_counted_with_the_first():
    messages = ("took 5 ms", '{"a": 1}', "took 6 ms", '{"a": 2}', "other", "took 7 ms")
    assert counted(*messages) == [
        ("", "took <n> ms", "", 3, 0),
        ("", "{a}", "", 2, 1),
        ("", "other", "", 1, 4),
    ]


def test_only_the_wanted_rows_are_counted():
    stamps = StampedLines(b"".join(line(one) for one in ("a 1", "b 2", "a 3")))
    found, _ = LinePatterns().count(stamps, numpy.array([1, 2]))
    assert found == [(PatternKey("", "b <n>"), 1, 1), (PatternKey("", "a <n>"), 1, 2)]


def test_of_too_many_new_lines_the_frequent_ones_are_known(monkeypatch):
    monkeypatch.setattr(module, "MOST_SKELETONS", 2)
    monkeypatch.setattr(module, "FEW", 1)
    patterns = LinePatterns()
    for some, known, left_out in (("abbbcc", "bc", 1), ("deee", "e", 1), ("bf", "", 2)):
        stamps = StampedLines(b"".join(line(one) for one in some))
        found, unknown = patterns.count(stamps, numpy.arange(len(stamps)))
        if known:
            assert {one.key.template for one in found} == set(known)
            assert unknown == left_out
        else:
            assert unknown < left_out


def of_lines(*lines: bytes) -> list[bytes]:
    text = b"".join(line + b"\n" for line in lines)
    ends = numpy.flatnonzero(numpy.frombuffer(text, numpy.uint8) == ord("\n"))
    return skeletons(text, numpy.concatenate(([0], ends[:-1] + 1)), ends)


@pytest.mark.parametrize(
    ("line", "skeleton"),
    [
        (b"took 15 ms", b"took \x01 ms"),
        (b"took 15ms on eth0", b"took \x01ms on eth\x01"),
        (b"id a3f9c2 of 0x1f", b"id \x02 of \x02"),
        (b"key cffcabeabbaeefab", b"key \x02"),
        (b"a bad face faded", b"a bad face faded"),
        (b"job 4c6fa87e-0b1d-4e55-9d3c-aaaaaaaaaaaa done", b"job \x03 done"),
        (b"4c6fa87e-0b1d-4e55-9d3c", b"\x02-\x02-\x02-\x02"),
        (b"token Zk3jPq91xW ok", b"token \x04 ok"),
        (b'table "users" is "gone"', b"table \x05 is \x05"),
        (b'an odd " stays', b'an odd " stays'),
        (b'level=info msg="took 3 ms" user="ann"', b'level=info msg="took \x01 ms" user=\x05'),
        (rb'in "an \"escaped\" part"', b"in \x05"),
        (b"a3\\x0aline12\\x1B[0m", b"a\x01\\x0aline\x01\\x1B[\x01m"),
        (b"no escapes: \\x0 \\xg0 \\y00 \\", b"no escapes: \\x\x01 \\xg\x01 \\y\x01 \\"),
        (b"", b""),
    ],
)
def test_what_varies_in_a_line_is_one_byte(line, skeleton):
    assert of_lines(line) == [skeleton]
    assert of_lines(b"before 1", line, b'after "2"') == [b"before \x01", skeleton, b"after \x05"]


def test_a_quote_does_not_reach_into_the_next_line():
    assert of_lines(b'one " quote', b'another " quote') == [b'one " quote', b'another " quote']


def test_a_long_line_is_cut():
    assert of_lines(b"x " * 100_000, b"y 1") == [b"x " * (LONGEST // 2), b"y \x01"]


def test_only_the_wanted_part_of_a_line_is_kept():
    text = b"stamp 12 message 7\nall 8\nnothing\n"
    starts, ends = numpy.array([9, 19, 25]), numpy.array([18, 24, 25])
    assert skeletons(text, starts, ends) == [b"message \x01", b"all \x01", b""]
    assert skeletons(b"", starts[:0], ends[:0]) == []


@given(st.lists(st.binary(max_size=60).map(lambda one: one.replace(b"\n", b"")), min_size=1))
def test_each_line_of_random_bytes_has_a_skeleton_of_its_own(lines):
    found = of_lines(*lines)
    assert found == [of_lines(line)[0] for line in lines]


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("took -15.25 ms, 1,000 rows", "took <n> ms, <n> rows"),
        ("from 10.0.0.7:5140 and 2001:db8::ff00:42", "from <ip>:<n> and <ip>"),
        ("from fe80::1 to 2001:0db8:85a3:0000:0000:8a2e:0370:7334", "from <ip> to <ip>"),
        ("version 1.2.3, build 1.2.3.4.5", "version <n>, build <n>"),
        ("eth0: 52:54:00:ab:cd:ef", "eth<n>: <hex>"),
        ("at 2026-11-20T06:18:42.123Z or 2026-11-20 06:18:42,5 +01:00", "at <time> or <time>"),
        ("[20/Nov/2026:06:18:42 +0000] Fri Nov 20 06:18:42 2026", "[<time>] <time> <n>"),
        ("until 06:18:42 std::vector", "until <time> std::vector"),
        ("open 'a file' isn't it, don't", "open <quoted> isn't it, don't"),
        ("[   12.5]  usb   1-2", "[<n>] usb <n>-<n>"),
        ("id 4c6fa87e-0b1d-4e55-9d3c-aaaaaaaaaaaa of Zk3jPq91xW", "id <uuid> of <*>"),
    ],
)
def test_placeholders_say_what_stood_there(message: str, template: str) -> None:
    assert [template_of_skeleton(one) for one in skeletons_of([message.encode()])] == [template]


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert template_of_skeleton(b"a \xff b") == r"a \xff b"


def test_programs_that_differ_in_a_number_are_one() -> None:
    assert app_in_pattern("kworker/0:12") == "kworker/<n>:<n>"


def test_a_share_is_never_rounded_to_nothing_or_to_all() -> None:
    assert [share_of(part) for part in (1e-9, 0.25, 0.99999, 1)] == [
        *("< 0.1 %", "25.0 %", "> 99.9 %", "100.0 %"),
    ]


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
