"""Decimals beyond 2^53 keep their digits: JSON's floats, lists, objects in objects, one line and many."""

import pytest

from logsrv.linelog.fields.extract import read_all_fields, read_fields
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Value, elements_of_value, text_of_value
from tests.parts.mixed_lines import STAMP

NUMBERS = [
    *("9007199254740993.0", "-9007199254740993.0", "9007199254740993.1", "9007199254740992.0"),
    *("123456789012.3456", "999999999999999.9", "1234567890123456.75", "12345678901234567.5"),
    *("18446744073709551617.0", "123456789012345678901234567890.5", "1.5", "9007199254740993"),
]
SHAPES = [b'{"x":%s}', b'{"a":1.25,"x":%s}', b'{"x":[1,%s]}', b'{"o":{"x":7.25},"x":%s,"n":true}']


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_decimal_of_a_line_is_that_of_many_lines(shape, number):
    others = [b'{"x":1.5}', b'{"x":9007199254740992.0}', b'{"x":"9007199254740992.0"}', b'{"x":5}']
    lines = [STAMP + one for one in [shape % number.encode(), *others]]
    stamps = StampedLines(b"".join(line + b"\n" for line in lines))
    for field in (read_fields(stamps, ["x"])["x"], read_all_fields(stamps).fields["x"]):
        assert field is not None
        values = [_texts(value) for value in field.values()]
        found = [values[code] for code in field.codes.tolist()]
        assert found == [_texts(ParsedLine(line).get("x", as_written=True)) for line in lines]
        assert number in found[0]
        assert number != "9007199254740993.0" or found[0] != found[2]


def _texts(value: Value | None) -> list[str]:
    return [*map(text_of_value, elements_of_value(value))] if value is not None else []
