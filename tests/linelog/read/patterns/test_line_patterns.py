"""The patterns of one text's lines."""

import numpy
import pytest

from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.read.patterns import line_patterns as module
from logsrv.linelog.read.patterns.line_patterns import LinePatterns, PatternKey
from tests.parts.stores import line


def counted(*messages: str | bytes) -> list[tuple[str, str, str, int, int]]:
    stamps = StampedLines(b"".join(line(one, second) for second, one in enumerate(messages)))
    found, unknown = LinePatterns().count(stamps, numpy.arange(len(stamps)))
    assert not unknown
    return [(*key, lines, row) for key, lines, row in found]


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
