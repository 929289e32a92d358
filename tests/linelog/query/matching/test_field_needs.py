"""What a field's value needs stands in the line, however the line is written."""

from __future__ import annotations

from logsrv.linelog.query.matching.field_needs import of_field, of_value
from logsrv.linelog.query.matching.needs import AllOf, AnyOf, Literal

_ESCAPE = Literal(b"\\u00", False)


def test_name_and_value_stand_in_the_line_or_an_escape_does() -> None:
    value = AnyOf((Literal(b"bob", True), _ESCAPE))
    assert of_value("=", "Bob", ignore_case=False) == value
    assert of_field("user.name", "=", "bob", ignore_case=True) == AllOf(
        (AnyOf((Literal(b"name", False), _ESCAPE)), value)
    )


def test_nothing_is_certain_of_numbers_and_of_what_the_stamp_says() -> None:
    assert of_value("=", "500", ignore_case=True) is None
    assert of_field("host", "=", "10.0.0.1", ignore_case=True) is None
