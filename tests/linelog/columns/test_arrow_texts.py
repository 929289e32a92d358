"""Values of fields as texts of Arrow."""

from logsrv.linelog.columns.arrow_texts import field_as_text
from logsrv.linelog.fields.values import Value


def test_values_become_text():
    values: list[Value] = ["\udcff", True, 1.5, ["\udcff"]]
    assert [field_as_text(value) for value in values] == ["\\xff", "true", "1.5", '["\\\\xff"]']
