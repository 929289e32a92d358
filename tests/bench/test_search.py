"""The benchmark of searching makes a store, compares the numbers with ripgrep's, and says what it took."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.search import main
from bench.stores import WORD, make
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View

pytestmark = pytest.mark.skipif(
    shutil.which("rg") is None or shutil.which("zstdcat") is None,
    reason="ripgrep or zstd is not on PATH",
)


@pytest.mark.long
@pytest.mark.nightly
def test_numbers_agree_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ["--segments", "2", "--megabytes", "3", "--runs", "1", "--directory", str(tmp_path)]
    main([*size, "--case", "word", "--case", "common", "--case", "number", "--case", "id"])
    said = capsys.readouterr().out
    assert "| word " in said and "| common " in said and "All numbers agree." in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.nightly
def test_planted_lines_are_in_a_store(tmp_path: Path) -> None:
    made = make(tmp_path / "store", 3, 5)
    view = View(str(made.directory), pytest.fail)
    found = [Search(view, make_matcher(parse(query)), Scope()).count() for query in (WORD, made.id)]
    view.close()
    assert found == [3, 1]
