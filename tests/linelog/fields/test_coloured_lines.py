"""Lines with colours have the level and the fields that they have without; the message stays as it is."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine, level_of
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.text_search.literals import AllOf, Literal, Need
from tests.parts.examples import more

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
# What each library wrote itself, or its source says that it writes, with its level and fields. E is ESC.
LINES = r"""
colorlog: error; -
    E[31mERROR   E[0m root: failedE[0m
colorlog, pairs: warning; user=bob took=5
    E[33mWARNING E[0m shop: user=bob took=5E[0m
loguru: error; user=bob took=5
    E[32m2026-11-20 06:18:42.123E[0m | E[31mE[1mERROR   E[0m | E[36m__main__E[0m:E[36mfE[0m:E[36m8E[0m - E[31mE[1mfailed user=bob took=5E[0m
rich: error; user=bob took=5
    E[2;36m[11/20/26 06:18:42]E[0mE[2;36m E[0mE[1;31mERROR   E[0m failed E[33muserE[0m=E[35mbobE[0m E[33mtookE[0m=E[1;36m5E[0m E]8;id=1;file:///a/gen.pyE\E[2mgen.pyE[0mE]8;;E\E[2m:E[0m
structlog: error; user=bob took=5
    E[2m2026-11-20T06:18:42ZE[0m [E[31mE[1merror    E[0m] E[1mfailed E[0m E[36mtookE[0m=E[35m5E[0m E[36muserE[0m=E[35mbobE[0m
uvicorn: error; -
    E[31mERRORE[0m:    failed
zap: error; -
    2026-11-20T06:18:42.123+0100TABE[31mERRORE[0mTABmain.go:12TABfailedTAB{"user": "bob"}
env_logger: error; -
    E[90m[E[0m2026-11-20T06:18:42Z E[31mERRORE[0m appE[90m]E[0m failed
tracing: warning; user=bob took=5
    E[2m2026-11-20T06:18:42.123456ZE[0m E[33m WARNE[0m E[2mappE[0mE[2m:E[0m failed E[3muserE[0mE[2m=E[0m"bob" E[3mtookE[0mE[2m=E[0m5
pino-pretty: error; -
    [06:18:42.123] E[31mERRORE[39m (1234): E[36mfailedE[39m
logrus: warning; user=bob
    E[33mWARNE[0m[0000] failed   E[33mtookE[0m=5 E[33muserE[0m=bob
Spring Boot: error; -
    E[2m2026-11-20T06:18:42.123+01:00E[0;39m E[31mERRORE[0;39m E[35m1234E[0;39m E[2m---E[0;39m E[2m[shop] [main]E[0;39m E[36mc.e.ShopE[0;39m E[2m:E[0;39m failed
zerolog: error; user=bob took=5
    E[90m6:18AME[0m E[1mE[31mERRE[0mE[0m failed E[36muser=E[0mbob E[36mtook=E[0m5
jq -C: error; n=1
    E[1;39m{E[0mE[34;1m"level"E[0mE[1;39m:E[0mE[0;32m"error"E[0mE[1;39m,E[0mE[34;1m"n"E[0mE[1;39m:E[0mE[0;39m1E[0mE[1;39mE[1;39m}E[0m
JSON in a colour: error; user=bob
    E[32m{"level":"error","user":"bob"}E[0m
winston: error; -
    {"level":"\u001b[31merror\u001b[39m","message":"failed"}
syslog: error; app=shop pid=7
    Nov 20 06:18:42 web1 shop[7]: E[1;31mERRORE[m failed
a header in a colour: error; app=shop
    E[32mNov 20 06:18:42 web1 shop[7]:E[0m ERROR x
access log: error; status=503 path=/x
    E[36m10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /x HTTP/1.1"E[0m E[31m503E[0m 12
logfmt: error; user=bob
    E[36mlevelE[0m=E[31merrorE[0m E[36muserE[0m=bob
tput: error; -
    E(BE[mE[31mERRORE(BE[m failed
a title: info; -
    E]0;FATAL error\x07INFO ready
cut off: info; -
    INFO ready E[3
"""  # noqa: E501
ESCAPES = (rb"\x1b", b"\x1b")
CASES = re.findall(r"(.+): (\w+); (.*)\n    (.*)", LINES)


def coloured(text: str, escape: bytes) -> bytes:
    stored = re.sub(r"E(?=[\[\](\\])", "\x1b", text.replace("TAB", "\t")).encode()
    return STAMP + stored.replace(b"\x1b", escape)


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize(
    ("level", "pairs", "text"), [pytest.param(*row, id=name) for name, *row in CASES]
)
def test_colours_hide_no_level_and_no_field(level, pairs, text, escape):
    fields = dict(pair.split("=") for pair in pairs.split() if pair != "-")
    line = coloured(text, escape)
    record = ParsedLine(line)
    numbers = level_numbers((line + b"\n") * 2).tolist()
    assert [record.level, level_of(line), *(OF_NUMBERS[one] for one in numbers)] == [level] * 4
    names = ["user", "took", "app", "pid", "status", "path", "n", "text"]
    columns = FieldReader(names).read(StampedLines((line + b"\n") * 2))
    known = [value and str(value) for value in map(record.get, names)]
    assert [column[1] for column in columns] == known
    found = {name: str(record.get(name)) for name in fields}
    assert found == fields
    assert record.body == line[len(STAMP) :]
    for query in (f"level={level}", *(f'{name}="{value}"' for name, value in fields.items())):
        assert_found(query, line)


def assert_found(query: str, line: bytes) -> None:
    """Assert that a search finds a line one by one, among others, and with the help of an index."""
    matcher = make_matcher(parse(query))
    assert matcher.matches(line)
    assert matcher.count(line + b"\n") == 1
    assert matcher.needs is None or is_there(matcher.needs, line)


def is_there(need: Need, line: bytes) -> bool:
    if isinstance(need, Literal):
        return need.text in (line.lower() if need.ignore_case else line)
    some = (is_there(part, line) for part in need.parts)
    return all(some) if isinstance(need, AllOf) else any(some)


PIECES = st.sampled_from(
    ["E[31m", "E[0m", "E]8;;x", "E\\", "E", "\\x1b", "user", "=", "bob", '"', " ", ":", "level", "error",
     "{", "}", "ERROR", "[", "x y", ",", "user=bob", ' msg="a b" ', '{"user":"bob"}', "1", "\\x07", "é",
     "user: bob"]
)  # fmt: skip


@more(4)
@given(st.lists(st.lists(PIECES, max_size=9).map("".join), max_size=4), st.sampled_from(ESCAPES))
def test_many_lines_are_read_as_each_one(texts, escape):
    lines = [STAMP + text.encode().replace(b"E", escape) for text in texts]
    stamps = StampedLines(b"".join(line + b"\n" for line in lines))
    names = ["user", "msg", "level", "text", "bob"]
    columns = FieldReader(names).read(stamps)
    for name, column in zip(names, columns, strict=True):
        known = [ParsedLine(line).get(name) for line in lines]
        assert column == [value if value is None else str(value) for value in known]
    for query in ("user=bob", "msg=*", 'msg="a b"', "user:bo"):
        matcher = make_matcher(parse(query))
        for line in lines:
            if matcher.matches(line):
                assert_found(query, line)


@pytest.mark.parametrize(
    "value",
    [
        rb"\\x1b[31mERROR\\x1b[0m failed",
        rb"\\x1b",
        rb"a \\x1b",
        rb"/\\x1b\\[[0-9;]*m/",
        rb"C:\\x1b\\y",
        rb"\u001b[1mbold\u001b[0m \\x1b[0m",
        rb"\\\\x1b[1m",
        rb"\\x1b]0;title\\x07 b",
    ],
)
@pytest.mark.parametrize("header", [b"", b"<11>Nov 20 06:18:42 web1 shop: "])
def test_an_object_with_the_text_of_a_code_keeps_its_fields(header, value):
    """Another logsrv ships a coloured line so: JSON doubles the backslash of the stored code."""
    body = b'{"level":"warn","msg":"' + value + b'","user":"bob"}'
    record = ParsedLine(STAMP + header + body)
    assert record.get("user") == "bob" and record.get("msg") == json.loads(body)["msg"]
    assert record.level == level_of(record.line) == "warning"
    text = record.line + b"\n"
    assert OF_NUMBERS[level_numbers(text)[0]] == "warning"
    assert FieldReader(["user"]).read(StampedLines(text)) == [["bob"]]
    assert make_matcher(parse("user=bob level=warning")).matches(record.line)
