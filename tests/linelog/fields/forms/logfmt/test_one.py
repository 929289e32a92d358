"""Lines of `key=value`: what is a pair, and what its value is."""

import sys
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.extract import read_all_fields, read_fields
from logsrv.linelog.fields.forms.logfmt.one import parse_logfmt
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.field_names import field_as_written
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse, phrase_of
from tests.parts.counts import counted_values


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b"a=1 b=two", {"a": "1", "b": "two"}),
        (b'login failed user=bob why="no such user" x', {"user": "bob", "why": "no such user"}),
        (b'a="x \\"y\\" \\\\ \\n \\u00e9" b=', {"a": 'x "y" \\ \n é', "b": ""}),
        (b'a="" b=1', {"a": "", "b": "1"}),
        (b"a=1 a=2", {"a": "2"}),
        (b"a.b-c@d=1 _x=2=3", {"a.b-c@d": "1", "_x": "2=3"}),
        (b'a=1, b="x y", c=2,', {"a": "1", "b": "x y", "c": "2"}),
        (b"a=1,2 b=,", {"a": "1,2", "b": ""}),
        (b"a=1", None),
        (b"a = 1 b = 2", None),
        (b'a="open b', None),
        (b"http://x/?a=1 http://x/?b=2", None),
        (b"a=1 b='c=2 d=3'", {"a": "1", "c": "2", "d": "3"}),
        (b"a=1 a='c=2 d=\"x y\"' e=5", {"a": "1", "c": "2", "d": "x y", "e": "5"}),
        (b"a='b=1' c='d=2'", {"b": "1", "d": "2"}),
        (b"a='it is' b='c=d's e=f'", {"a": "'it", "c": "d's", "e": "f"}),
        (b"a='b=1 c=2", {"a": "'b=1", "c": "2"}),
        (b'a=1\\x1dB="x" C=3', {"a": "1", "B": "x", "C": "3"}),
        (b"a='b=1'\x1dB=2", {"b": "1", "B": "2"}),
        (b"a=1\\x1d b=2", {"a": "1\\x1d", "b": "2"}),
        # Letters of any script, as in a query; U+0308 is a mark.
        (
            "gr\u00f6\u00dfe=5 gro\u0308\u00dfe=6".encode(),
            {"gr\u00f6\u00dfe": "5", "gro\u0308\u00dfe": "6"},
        ),
        (
            "\u0438\u043c\u044f=bob \u7528\u6237_id=7".encode(),
            {"\u0438\u043c\u044f": "bob", "\u7528\u6237_id": "7"},
        ),
        ("\u0928\u093e\u092e='a=1 \u00fc=2'".encode(), {"a": "1", "\u00fc": "2"}),
        ("a=1\\x1d\u00fc=2".encode(), {"a": "1", "\u00fc": "2"}),
        # Punctuation and signs are no part of a key.
        ("\u201euser=5 \u2192x=6 \uff08a=7 \U0001f600b=8 a=1".encode(), None),
        ("a\u00a0b=1 c\u3000d=2".encode(), None),
    ],
)
def test_two_or_more_pairs_are_read_as_logfmt(text, fields):
    assert parse_logfmt(text.decode()) == fields


_AUDIT = (
    "type=USER_AUTH msg=audit(1795155522.123:456): pid=77 uid=0 auid=4294967295 ses=4 "
    'msg=\'op=PAM:authentication grantors=? acct="root" exe="/usr/sbin/sshd" hostname=10.0.0.7 '
    'terminal=ssh res=failed\'\\x1dUID="root" AUID="unset"'
)
_OF_AUDIT = {
    "type": "USER_AUTH",
    "msg": "audit(1795155522.123:456):",
    "pid": "77",
    "op": "PAM:authentication",
    "acct": "root",
    "exe": "/usr/sbin/sshd",
    "res": "failed",
    "terminal": "ssh",
    "hostname": "10.0.0.7",
    "UID": "root",
    "AUID": "unset",
}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<13>Nov 20 06:18:42 web1 audispd[7]: ",
        "Nov 20 06:18:42 web1 audit: ",
        "<13>1 2026-11-20T06:18:42Z web1 audispd 7 - - ",
    ],
)
def test_the_pairs_of_auditd_are_fields_for_every_reader(header):
    line = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 " + (header + _AUDIT).encode()
    text = (line + b"\n") * 3
    every = read_all_fields(StampedLines(text)).fields
    for name, value in _OF_AUDIT.items():
        assert ParsedLine(line).get(name) == value
        one = read_fields(StampedLines(text), [name])[name]
        for field in (every[name], one):
            assert field is not None
            assert [field.texts[code] for code in field.codes.tolist()] == [value] * 3
        assert counted_values(name, text) == (3, {value: 3})
        for query in (f"{name}={phrase_of(value)}", f"{name}:{phrase_of(value[1:])}", f"{name}=*"):
            assert make_matcher(parse(query)).count(text) == 3, query
    assert make_matcher(parse("res=failed'")).count(text) == 0


_KEYS = st.from_regex(r"[A-Za-z_@][A-Za-z0-9_.@-]{0,5}", fullmatch=True)


@given(st.dictionaries(_KEYS, st.text(st.characters(exclude_categories=["Cc", "Cs"])), min_size=2))
def test_quoted_values_come_back_unescaped(fields):
    quoted = {key: text.replace("\\", "\\\\").replace('"', '\\"') for key, text in fields.items()}
    line = " ".join(f'{key}="{text}"' for key, text in quoted.items())
    assert parse_logfmt(line) == fields


@pytest.mark.slow
def test_each_name_that_a_query_may_have_without_backticks_is_a_key():
    """By the tables of this Python: letters, marks and digits of any script; only `/` is in no key."""
    known = [chr(number) for number in range(0x80, sys.maxunicode + 1)]
    # All in one name, as a call for each would take seconds.
    name = "a" + "".join(one for one in known if category(one)[0] in "LMN")
    assert field_as_written(name) == name
    assert parse_logfmt(f"{name}=1 b=2") == {name: "1", "b": "2"}
    first = [one for one in known if category(one)[0] == "L"]
    found = parse_logfmt(" ".join(f"{one}=1" for one in first))
    assert found is not None and found.keys() == {*first}


def test_a_level_beside_a_key_of_any_script_is_found():
    """Beside a single ASCII pair, too."""
    assert (
        ParsedLine("2026-11-20T06:18:42.000000Z a gr\u00f6\u00dfe=5 level=error".encode()).level
        == "error"
    )
