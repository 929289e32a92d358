"""Comparisons, row by row."""

import pytest

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.predicates import predicate

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
_JSON = (
    b'{"status":"500","app":"SSHD","path":"/api/v1","n":null,"e":"","l":[1,"x",{"a":1}],"none":[],'
    b'"big":9223372036854775809,"d":1.50,"nan":NaN,"t":true,"http":{"status":404},"huge":'
    + b"7" * 4400
    + b"}"
)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "status=500",
            "status=5e2",
            'status="500.0"',
            "status!=501",
            "status>=500",
            "status<=500",
            "status>499.5",
        ),
        *(
            "app=sshd",
            "app!=ssh",
            "app:SSH",
            "app:ssh",
            "app~ssh",
            "app~^S",
            r"path~/^\/api/",
            "path:/v1",
        ),
        *(
            "e=*",
            'e=""',
            "l=1",
            "l=x",
            "l!=1",
            "l:x",
            "l>0",
            'l="{\\"a\\":1}"',
            "l=*",
            "-n=*",
            "-none=*",
        ),
        *(
            "big=9223372036854775809",
            "big>9223372036854775808",
            "-big=9223372036854775808",
            "d=1.5",
            "d:1.50",
        ),
        *(
            "d~50$",
            "nan=nan",
            "-nan>0",
            "-nan<0",
            "t=TRUE",
            "-t=1",
            "http.status<500",
            "-status<abc",
            "-status<500",
        ),
        *(
            "-x=1",
            "-x!=1",
            "NOT x=1",
            "-x<1",
            "-x:1",
            "-x~1",
            "-x=*",
            "huge>1e300",
            "huge=" + "7" * 4400,
        ),
        *(
            "-huge=" + "7" * 4399 + "8",
            "host=10.0.0.1",
            "host:10.0",
            "port>51233",
            "name=WEB",
            "source:tcp",
        ),
        *(
            "time:06:18",
            "message:sshd",
            "message~SSHD",
            "-message~Sshd",
            "-position=*",
            "-level=*",
            "fields.app=sshd",
        ),
        *("status=500 app=x OR e=*", "(status=500 OR n=*) -app=x", "", "-App=*"),
    ],
)
def test_queries_are_true_of_a_json_line(query):
    assert predicate(parse(query))(ParsedLine(STAMP + _JSON))


@pytest.mark.parametrize(
    ("query", "message", "true"),
    [
        ("level>=warn", b"[error] x", True),
        ("level=err", b"ERROR x", True),
        ("level<ERROR", b"WARN x", True),
        ("level!=info", b"x", False),
        ("NOT level=info", b"x", True),
        ("level:warn", b"WARN", True),
        ("level~^w", b"WARN", True),
        ("facility=AUTH", b"<34>x", True),
        ("severity=crit", b"<34>x", True),
        ("k=\u212a", b"k=k x=1", False),
        ("message=HELLO", b"hello", True),
        ("message=5e2", b"500", True),
    ],
)
def test_queries_on_lines_that_are_not_json(query, message, true):
    assert predicate(parse(query))(ParsedLine(STAMP + message)) is true
