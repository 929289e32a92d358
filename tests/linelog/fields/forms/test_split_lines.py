"""Lines split into coded columns: Arrow and Python give the same."""

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.forms.split_lines import LONGEST_LINE, split_at, split_words
from tests.linelog.fields.engines import ENGINES, split_by
from tests.parts.examples import more

_WORDS = st.text("ab\u00e9=,.\\\x00\udcff", max_size=4)
_QUOTED = st.text("ab =,.\\\t\udcff", max_size=4).map(lambda text: f'"{text}"')
_LINES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(_WORDS | _QUOTED, min_size=width, max_size=width), min_size=1)
)


def stored(rows: list[list[str]], delimiter: str) -> bytes:
    return "\n".join(delimiter.join(row) for row in rows).encode("utf-8", "surrogateescape")


@more(5)
@given(ENGINES, _LINES)
@example("Python", [["", "\x00", '"a b"x'], ['"', "a", "b"]])
def test_columns_between_spaces_may_be_quoted(engine, rows):
    rows = [row for row in rows if row != [""] and '"' not in row]
    if rows:
        width = len(rows[0])
        with split_by(engine):
            found = split_words(stored(rows, " "), width, range(width))
        for column, (codes, texts, _) in found.items():
            assert len({*texts}) == len(texts)
            expected = [row[column].replace('"', "") for row in rows]
            assert [texts[code] for code in codes.tolist()] == expected


@more(5)
@given(ENGINES, _LINES)
def test_with_another_delimiter_quotes_are_a_part_of_the_text(engine, rows):
    rows = [row for row in rows if row != [""]]
    if rows:
        width = len(rows[0])
        with split_by(engine):
            codes, texts, _ = split_at(stored(rows, "\x1f"), width, [width - 1], 0x1F)[width - 1]
        assert [texts[code] for code in codes.tolist()] == [row[-1] for row in rows]


@pytest.mark.parametrize("engine", ["Arrow", "Python"])
@pytest.mark.parametrize("lines", [b"a b\na", b"a\na b", b"a b c"])
def test_another_number_of_columns_is_an_error(engine, lines):
    with split_by(engine), pytest.raises(ValueError):
        split_words(lines, 2, [0])


@pytest.mark.parametrize("engine", ["Arrow", "Python"])
def test_a_long_line_is_split(engine):
    line = b"a" * (LONGEST_LINE - 2) + b" b"
    with split_by(engine):
        assert split_words(line + b"\nc d", 2, [1])[1].texts == ["b", "d"]


@pytest.mark.parametrize("engine", ["Arrow", "Python"])
def test_a_byte_order_mark_belongs_to_its_word(engine):
    with split_by(engine):
        assert split_words(b"\xef\xbb\xbfa b\nc d", 2, [0])[0].texts == ["\ufeffa", "c"]


@pytest.mark.parametrize("lines", [1000, 50_000])
def test_arrow_is_loaded_once_there_are_many_lines(lines):
    """Loading takes as long as to split 40,000 lines."""
    pytest.importorskip("pyarrow")
    code = (
        "import sys\n"
        "from logsrv.linelog.fields.forms.split_lines import split_words\n"
        f"split_words(b'a b\\n' * {lines - 1} + b'a b', 2, [0])\n"
        "print('pyarrow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.split() == [str(lines == 50_000).encode()]
