"""Lines of CEF and LEEF: their headers and pairs, whatever is before them, in every way of reading."""

import pytest

from logsrv.linelog.fields.extract import read_all_fields, read_fields
from logsrv.linelog.fields.forms.events.one import parse_event
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse, phrase_of
from tests.parts.counts import counted_values

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
_case = pytest.param
_CEF = "CEF:0|Sec|TM|1.0|100|worm stopped|10|"
_OF_CEF = {
    "cefVersion": "0",
    "deviceVendor": "Sec",
    "deviceProduct": "TM",
    "deviceVersion": "1.0",
    "deviceEventClassId": "100",
    "name": "worm stopped",
    "deviceSeverity": "10",
}
_OF_LEEF = {
    "deviceVendor": "QRadar",
    "deviceProduct": "QRM",
    "deviceVersion": "1.0",
    "deviceEventClassId": "NEW_PORT",
}
_LEEF_1, _LEEF_2 = "LEEF:1.0|QRadar|QRM|1.0|NEW_PORT|", "LEEF:2.0|QRadar|QRM|1.0|NEW_PORT|"
_BEFORE = {
    "nothing": "",
    "a header": "<134>Nov 20 06:18:42 fw1 ",
    "a header without a host": "<134>Nov 20 06:18:42 ",
    "a header with a tag": "<134>Nov 20 06:18:42 fw1 dev[7]: ",
    "a priority": "<134>",
    "RFC 5424": "<134>1 2026-11-20T06:18:42Z fw1 dev 7 - - ",
    "RFC 3339": "<134>2026-11-20T06:18:42.123Z fw1 ",
    "a file": "Nov 20 06:18:42 fw1 ",
    "a file with RFC 3339": "2026-11-20T06:18:42+01:00 fw1 ",
    "a time without a header": "2026-11-20 06:18:42,123 fw1 ",
    "a container": "2026-11-20T06:18:42.123456789Z stdout F ",
}


@pytest.mark.parametrize(
    ("text", "header", "pairs"),
    [
        _case(
            _CEF + "src=10.0.0.1 dpt=22",
            {},
            {"src": "10.0.0.1", "dpt": "22"},
            id="touching the bar",
        ),
        _case(_CEF + " src=1", {}, {"src": "1"}, id="a space behind the bar"),
        _case(
            _CEF + "msg=a longer value act=b",
            {},
            {"msg": "a longer value", "act": "b"},
            id="values of words",
        ),
        _case(
            _CEF + "a= b=1  c=2  ", {}, {"a": "", "b": "1", "c": "2"}, id="no value, several spaces"
        ),
        _case(_CEF + r"msg=x\=1 y\\z \| \n.", {}, {"msg": "x=1 y\\z | \n."}, id="escapes"),
        _case(
            _CEF + "request=http://x/?a=1&b=2 x=3",
            {},
            {"request": "http://x/?a=1&b=2", "x": "3"},
            id="addresses",
        ),
        _case(
            _CEF + "ad.x[0]=1 cs1Label=a b cs1=c",
            {},
            {"ad.x[0]": "1", "cs1Label": "a b", "cs1": "c"},
            id="lists",
        ),
        _case(
            _CEF + "a=1 a=2 name=x deviceSeverity=1",
            {},
            {"a": "2"},
            id="the last one, but none of the header's",
        ),
        _case(_CEF, {}, {}, id="no pairs"),
        _case(_CEF[:-1], {}, {}, id="no last bar"),
        _case(_CEF.replace(":", ": ") + "a=1", {}, {"a": "1"}, id="a space behind the sign"),
        _case(
            _CEF.replace("Sec", r"S\|e\\c").replace("worm", r"\= w") + "a=1",
            {"deviceVendor": "S|e\\c", "name": "= w stopped"},
            {"a": "1"},
            id="escapes in the header",
        ),
        _case(
            _CEF.replace("|10|", "|Very-High|"),
            {"deviceSeverity": "Very-High"},
            {},
            id="a severity in words",
        ),
    ],
)
def test_cef_has_a_header_and_pairs(text, header, pairs):
    assert parse_event(text) == ("cef", pairs | _OF_CEF | header)


@pytest.mark.parametrize(
    ("text", "version", "pairs"),
    [
        _case(
            _LEEF_1 + "src=1\tmsg=a b=c\tsev=5",
            "1.0",
            {"src": "1", "msg": "a b=c", "sev": "5"},
            id="tabs",
        ),
        _case(
            _LEEF_1 + "src=1#011msg=a b",
            "1.0",
            {"src": "1", "msg": "a b"},
            id="tabs as rsyslog writes them",
        ),
        _case(
            _LEEF_1 + "src=1 msg=a b", "1.0", {"src": "1", "msg": "a b"}, id="spaces for the tabs"
        ),
        _case(_LEEF_2 + "|src=1\tmsg=a b", "2.0", {"src": "1", "msg": "a b"}, id="no delimiter"),
        _case(
            _LEEF_2 + "src=1\tmsg=a b",
            "2.0",
            {"src": "1", "msg": "a b"},
            id="no delimiter and no bar",
        ),
        _case(
            _LEEF_2 + "^|src=1^msg=a b=2^^x=3",
            "2.0",
            {"src": "1", "msg": "a b=2", "x": "3"},
            id="a character",
        ),
        _case(_LEEF_2 + "x5E|src=1^msg=a b", "2.0", {"src": "1", "msg": "a b"}, id="its code"),
        _case(
            _LEEF_2 + "0x09|src=1\tmsg=a b", "2.0", {"src": "1", "msg": "a b"}, id="a tab's code"
        ),
        _case(
            _LEEF_2 + "x01|src=1\\x01msg=a b",
            "2.0",
            {"src": "1", "msg": "a b"},
            id="a stored control character",
        ),
        _case(
            _LEEF_2 + "\\x01|src=1\\x01msg=a b",
            "2.0",
            {"src": "1", "msg": "a b"},
            id="itself, stored",
        ),
        _case(
            _LEEF_2 + "x1c|src=1\x1cmsg=a b", "2.0", {"src": "1", "msg": "a b"}, id="one as it is"
        ),
        _case(
            _LEEF_2 + ";|a=\\\\srv\\c$;b=\\=\\|",
            "2.0",
            {"a": "\\\\srv\\c$", "b": "=|"},
            id="backslashes are kept",
        ),
        _case(
            _LEEF_2 + "-|a=1\tb=2", "2.0", {"a": "1", "b": "2"}, id="a character of keys is none"
        ),
    ],
)
def test_leef_has_a_header_and_pairs(text, version, pairs):
    assert parse_event(text) == ("leef", pairs | _OF_LEEF | {"leefVersion": version})


@pytest.mark.parametrize(
    "text",
    [
        "CEF:0|a|b|c|d|e",
        "CEF:x|a|b|c|d|e|f|g=1",
        "LEEF:1.0|a|b|c",
        "the CEF:0|a|b|c|d|e|f|g=1",
        "Failed password for x CEF:0|a|b|c|d|e|f| from 1.2.3.4 port 5 ssh2",
        'a=1 msg="Nov 20 06:18:42 CEF:0|a|b|c|d|e|f|" b=2',
        "BRIEF:0|a|b|c|d|e|f|g=1",
    ],
)
def test_what_only_looks_like_an_event_is_none(text):
    assert parse_event(text) is None
    assert ParsedLine(STAMP + text.encode()).kind != "cef"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            _CEF + "src=10.0.0.1 msg=a longer value dpt=443 shost=h",
            {"src": "10.0.0.1", "msg": "a longer value", "dpt": "443"},
        ),
        (_CEF + r"msg=x\=1 y act=two words", {"msg": "x=1 y", "act": "two words"}),
        (
            _LEEF_1 + "src=10.0.0.1\tmsg=a longer value\tdpt=443",
            {"src": "10.0.0.1", "msg": "a longer value", "dpt": "443"},
        ),
        (_LEEF_2 + "x01|src=1\\x01dpt=443\\x01msg=a b", {"src": "1", "dpt": "443", "msg": "a b"}),
    ],
)
@pytest.mark.parametrize("before", _BEFORE)
def test_events_have_the_same_fields_behind_every_header_and_for_every_reader(before, text, fields):
    line = STAMP + (_BEFORE[before] + text).encode()
    lines = (line + b"\n") * 3
    fields = fields | (_OF_CEF if text.startswith("CEF") else _OF_LEEF)
    fields["fields.name"] = fields.pop("name", None)
    record, every = ParsedLine(line), read_all_fields(StampedLines(lines)).fields
    for name, value in fields.items():
        assert record.get(name) == value, name
        one = read_fields(StampedLines(lines), [name])[name]
        for column in (one, every.get(name)):
            if column is not None:
                known = [None if code < 0 else column.texts[code] for code in column.codes.tolist()]
                assert known == [value] * 3
        if value is None:
            continue
        assert counted_values(name, lines) == (3, {value: 3})
        for query in (f"{name}={phrase_of(value)}", f"{name}:{phrase_of(value[:3])}", f"{name}=*"):
            assert make_matcher(parse(query)).count(lines) == 3, query
    assert make_matcher(parse("dpt>400 OR deviceSeverity>=9")).count(lines) == 3
    assert OF_NUMBERS[level_numbers(lines)[0]] == record.level
    named = before in ("nothing", "a priority", "a header without a host")
    assert record.get("syslog.hostname") == (
        None if named or before[:6] in ("a time", "a cont") else "fw1"
    )


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (_CEF + "a=1", None),
        (_CEF + "severity=3 a=1", None),
        (_CEF + "level=3 a=1", None),
        (_CEF + "level=error a=1", "error"),
        (_CEF + "level=error or not a=1", None),
        (_CEF.replace("TM", "T level=error x=1 M") + "a=1", None),
        (_LEEF_1 + "sev=5\tseverity=1", None),
        (_LEEF_1 + "sev=5\tseverity=critical", "critical"),
    ],
)
@pytest.mark.parametrize("before", ["", "<134>Nov 20 06:18:42 fw1 ", "Nov 20 06:18:42 fw1 "])
def test_numbers_of_events_are_no_severities_of_syslog(before, text, level):
    line = STAMP + (before + text).encode()
    lines = (line + b"\n") * 3
    wanted = level or ("info" if before.startswith("<") else None)
    assert ParsedLine(line).level == wanted
    assert {OF_NUMBERS[one] for one in level_numbers(lines).tolist()} == {wanted}
    assert {OF_NUMBERS[one] for one in read_all_fields(StampedLines(lines)).levels.tolist()} == {
        wanted
    }


def test_what_happened_is_no_program():
    line = STAMP + (_CEF + "level=error a=1").encode()
    assert ParsedLine(line).get("app") is None
    assert "app" not in read_all_fields(StampedLines(line + b"\n")).fields
    found = read_fields(StampedLines(line + b"\n"), ["app"])["app"]
    assert found is not None and found.codes.tolist() == [-1]


@pytest.mark.parametrize(
    "text",
    [
        _CEF + "a" * 65536,
        _CEF + "=a" * 32768,
        _CEF + " a" * 32768,
        _CEF + " " * 65536,
        "CEF:0|" + "\\" * 65536,
        "CEF:0" + "|" * 65536,
        _LEEF_2 + "x2d|" + "-a" * 32768,
        _LEEF_2 + "^|" + "^a" * 32768,
        _LEEF_1 + "a[1" * 20000,
        "a='b= " * 10000,
        "a='b=c' " * 10000,
        "\\x1d" * 16000 + "a=1 b=2",
    ],
    ids=lambda text: text[:50],
)
def test_long_lines_without_what_they_should_have_take_linear_time(text):
    text += "x" * 200_000
    ParsedLine(text.encode()).fields  # noqa: B018
