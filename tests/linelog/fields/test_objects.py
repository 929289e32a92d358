"""Fields of many JSON objects: parsed once each, with the values that a record finds."""

from logsrv.linelog.fields.objects import ObjectReader
from logsrv.linelog.fields.values import Value

MESSAGES = [
    b'{"a":1,"b":{"c":"x"}}',
    b'{"a":[1,2],"service":"shop"}',
    b'{"a":',
    b'{"a":NaN}',
    b"{}",
]


def test_values_go_into_their_rows():
    columns: list[list[Value | None]] = [[None] * 9 for _ in range(3)]
    others = ObjectReader(["a", "b.c", "app"]).read_into(MESSAGES, [1, 2, 5, 6, 8], columns)
    assert others == [5]
    assert columns[0] == [None, 1, [1, 2], None, None, None, "NaN", None, None]
    assert columns[1] == [None, "x", *[None] * 7]
    assert columns[2] == [None, None, "shop", *[None] * 6]


def test_where_no_object_can_have_a_field_none_is_parsed():
    assert not ObjectReader(["status"]).may_have_fields(b'{"a":1}')
    assert ObjectReader(["http.status"]).may_have_fields(b'{"http":{"status":1}}')
    assert ObjectReader(["status"]).may_have_fields(b'{"\\u0073tatus":1}')
    assert ObjectReader(["app"]).may_have_fields(b'{"service":1}')
    assert not ObjectReader(["syslog.app"]).may_have_fields(b'{"app":1}')
