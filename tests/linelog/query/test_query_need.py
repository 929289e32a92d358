"""Queries promise what is certain, and nothing else (tests/linelog/questions tests that it holds)."""

import pytest

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.query_need import need_of_field, need_of_query, need_of_value
from logsrv.linelog.query.text_search.literals import (
    AllOf,
    AnyOf,
    Inherited,
    Literal,
    has_ascii_capital,
    need_of_all,
    need_of_any,
    need_of_text,
)
from tests.parts.matchers import stands_in

_ESCAPE = Literal(b"\\u00", False)


def small(text: str) -> Literal:
    return Literal(text.encode(), True)


@pytest.mark.parametrize(
    ("query", "need"),
    [
        ("Error", Literal(b"Error", False)),
        ("error", small("error")),
        ("", None),
        ('""', None),
        ("NOT error", None),
        ("error NOT x", small("error")),
        ("aa bb", AllOf((small("aa"), small("bb")))),
        ("aa OR bb", AnyOf((small("aa"), small("bb")))),
        ("aa OR NOT bb", None),
        (r"/user=\d+ x?yz+w/", AllOf((small("user="), small(" "), small("yz"), small("w")))),
        ("/(ab|cd)e*/", AnyOf((small("ab"), small("cd")))),
        ("/u=(an|eve) s=/", AnyOf((small("u=an s="), small("u=eve s=")))),
        ("/u=(an|e(v|w)e)x/", AnyOf((small("u=anx"), small("u=evex"), small("u=ewex")))),
        ("/x(ab|)y/", AnyOf((small("xaby"), small("xy")))),
        ("/x(ab|cd)+y/", AllOf((AnyOf((small("xab"), small("xcd"))), small("y")))),
        ("/x(ab|cd)?y/", AllOf((small("x"), small("y")))),
        (r"/x(ab|c\d)y/", AllOf((small("x"), AnyOf((small("ab"), small("c"))), small("y")))),
        ("/x(ab|)/", AnyOf((small("xab"), small("x")))),
        ("/(ab|)[0-9]/", None),
        (
            "/(1|2|3)(4|5|6)7/",
            AllOf(
                (
                    AnyOf((small("1"), small("2"), small("3"))),
                    AnyOf((small("47"), small("57"), small("67"))),
                )
            ),
        ),
        (
            "/Xa(?i:b|c)d/",
            AllOf(
                (
                    Literal(b"Xa", False),
                    AnyOf((small("b"), small("c"))),
                    Literal(b"d", False),
                )
            ),
        ),
        ("/(ab)?/", None),
        ("/(ab){2,}/", small("ab")),
        ("/a|/", None),
        (r"/\QA.b\E/", Literal(b"A.b", False)),
        ("/(?i)A(?-i)b/", AllOf((small("a"), Literal(b"b", False)))),
        ("level=error", None),
        ("host=10.0.0.1", None),
        ("source:web", None),
        ("severity=err", None),
        ("syslog.facility=auth", None),
        ("message=Hello", small("hello")),
        ("message=500", None),
        ("message~ab", small("ab")),
        ("status=500", None),
        ("count=500", AnyOf((Literal(b"count", False), _ESCAPE))),
        ("a.count>5", AnyOf((Literal(b"count", False), _ESCAPE))),
        ("count=*", AnyOf((Literal(b"count", False), _ESCAPE))),
        ("app=sshd", Inherited((AnyOf((small("sshd"), _ESCAPE)),))),
        ("app:Sshd", Inherited((AnyOf((Literal(b"Sshd", False), _ESCAPE)),))),
        ("path=/api/v1", AnyOf((AllOf((small("api"), small("v1"))), _ESCAPE))),
        ("path:/12/e5/34", None),
        ("app:10.0.0.1", Inherited((AnyOf((Literal(b"10.0.0.1", False), _ESCAPE)),))),
        (r"app=\xffabc", Inherited((AnyOf((small("xffabc"), _ESCAPE)),))),
        ("app=schön", Inherited((AnyOf((small("schön"), Literal(b"\\u", False))),))),
    ],
)
def test_each_query_has_its_need(query, need):
    assert need_of_query(parse(query)) == need


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("status=500", b'{"status":5e2}'),
        ("user=bob", b'{"\\u0075ser":"b\\u006fb"}'),
        ("path=/a/b", b'{"path":"\\/a\\/b"}'),
        ('x="a b\\"c"', b'x="a b\\"c" y=1'),
        ("x:bc", b'{"x":[{"a":"b\\u0063"}]}'),
        ("x:100", b'{"x":[{"a":1e2}]}'),
        ('x:"{\\"a\\":1}"', b'{"x":[{ "a" : 1 }]}'),
        ("level=warn", b"<12>x"),
        ('x="a]b"', b'<12>1 - - - - - [y x="a\\]b"] x=1'),
        ("x:\udcffy", b"x=\xffy y=1"),
    ],
)
def test_values_written_in_another_form_are_found(query, line):
    matcher = make_matcher(parse(query if query != 'x="a]b"' else 'y.x="a]b"'))
    assert matcher.matches(line) and matcher.count(line) == 1
    assert matcher.needs is None or stands_in(matcher.needs, line)


def test_name_and_value_stand_in_the_line_or_an_escape_does():
    value = AnyOf((Literal(b"bob", True), _ESCAPE))
    assert need_of_value("=", "Bob") == value
    assert need_of_field("user.name", "=", "bob") == AllOf(
        (AnyOf((Literal(b"name", False), _ESCAPE)), value)
    )


def test_nothing_is_certain_of_numbers_and_of_what_the_stamp_says():
    assert need_of_value("=", "500") is None
    assert need_of_field("host", "=", "10.0.0.1") is None


def test_needs_are_joined_without_repetition():
    a, b = small("a"), small("b")
    assert (
        need_of_all([]) is None
        and need_of_all([None, a]) == a
        and need_of_all([a, a, b]) == AllOf((a, b))
    )
    assert need_of_all([AllOf((a, b)), a]) == AllOf((a, b))
    assert need_of_any([]) is None and need_of_any([a, None]) is None and need_of_any([a, a]) == a
    assert len({AllOf((a, b)), AnyOf((a, b))}) == 2
    assert need_of_text("", ignore_case=True) is None


def test_only_ascii_capitals_count():
    assert all(map(has_ascii_capital, ("errorS", "A", "Z")))
    assert not any(map(has_ascii_capital, ("error 1 É", "[@", "")))
