"""Rows in their forms; tests/cli/reading/test_sql.py has them as files and on stdout."""

from pathlib import Path

import duckdb
import pytest

from logsrv.cli.reading.rows import writer
from logsrv.errors import LogsrvError


def written(path: Path, output: str, statement: str) -> str:
    relation = duckdb.sql(statement)
    assert relation is not None
    columns = list(zip(relation.columns, map(str, relation.types), strict=True))
    with writer(output, str(path), local=False, paged=False) as out:
        for batch in relation.to_arrow_reader(100):
            out.write(columns, batch)
    return path.read_text()


def test_json_has_numbers_lists_and_objects(tmp_path):
    statement = (
        "select sum(5) s, 1.5::decimal(3,1) d, [1] l, {'a': 'nan'::double} o, '{\"x\":[]}'::json j"
    )
    found = written(tmp_path / "x", "json", statement)
    assert found == '{"s":5,"d":1.5,"l":[1],"o":{"a":null},"j":{"x":[]}}\n'


def test_csv_quotes_the_values_that_need_it(tmp_path):
    found = written(tmp_path / "x", "csv", 'select \'a,"b\' as "x y", null as z')
    assert found == 'x y,z\n"a,""b",\n'


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(LogsrvError, match=r"--to .*nowhere"):
        written(tmp_path / "nowhere" / "x", "csv", "select 1")
