"""Fields of many lines by one expression: it captures only the wanted ones, and returns other lines."""

from logsrv.linelog.fields.one_pass import OnePassReader

# Two forms of a line, `name: size` and `size of name`, and any other line.
PARTS = (
    ("", rb"^(?:"),
    ("name", rb"([a-z]+)"),
    ("", rb": "),
    ("size", rb"([0-9]+)"),
    ("", rb"|"),
    ("size", rb"([0-9]+)"),
    ("", rb" of "),
    ("name", rb"([a-z]+)"),
    ("", rb")\n|([^\n]*\n)"),
)
TEXT = b"a: 1\n?\n2 of b\n"


def joined(old: bytes, new: bytes) -> str:
    return (old or new).decode()


def test_columns_are_of_the_wanted_fields_in_lines_of_every_form():
    both = OnePassReader(PARTS, [(3, "size", joined), (0, "name", joined)])
    assert both.read(TEXT) == ([(3, ["1", "", "2"]), (0, ["a", "", "b"])], [(1, b"?\n")])
    assert OnePassReader(PARTS, [(0, "name", joined)]).read(TEXT)[0] == [(0, ["a", "", "b"])]


def test_a_text_without_lines_has_empty_columns():
    assert OnePassReader(PARTS, [(0, "name", joined)]).read(b"") == ([(0, [])], [])
