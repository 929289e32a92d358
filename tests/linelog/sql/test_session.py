"""Connections that can do nothing but compute."""

import subprocess
import sys

import duckdb
import pytest

from logsrv.errors import QueryError
from logsrv.installation import how_to_install
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.sql.answer import connect_in_memory, disable_external_access, require_read_only
from tests.parts.stores import make_store


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/*')",
        "copy (select 1) to '{}/x'",
        "attach '{}/x.db'",
        "install httpfs",
        "load '{}/x'",
        "set enable_external_access = true",
        "set memory_limit = '9GB'",
        "export database '{}/x'",
    ],
)
def test_a_locked_connection_reaches_nothing_outside(tmp_path, statement):
    """Also where the check of the statement's kind would let it pass."""
    connection = connect_in_memory(str(tmp_path / "spilled"), utc=True)
    disable_external_access(connection)
    with pytest.raises(duckdb.Error):
        connection.execute(statement.format(tmp_path)).fetchall()
    connection.close()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("x")]


def test_variables_of_the_program_are_no_tables(tmp_path):
    import pyarrow

    secret = pyarrow.table({"a": [1]})
    connection = connect_in_memory(str(tmp_path), utc=True)
    with pytest.raises(duckdb.Error):
        connection.execute("select * from secret").fetchall()
    assert secret.num_rows == 1
    connection.close()


@pytest.mark.parametrize(
    ("statement", "explains"),
    [("select 1", False), ("with a as (select 1) from a", False), ("explain select 1", True)],
)  # fmt: skip
def test_statements_that_only_ask_pass(tmp_path, statement, explains):
    connection = connect_in_memory(str(tmp_path), utc=True)
    assert require_read_only(connection, statement) is explains
    connection.close()


def test_without_the_extra_a_sentence_says_how_to_get_it(tmp_path):
    script = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from logsrv.cli.main import main; sys.exit(main(['sql', 'select 1', *sys.argv[1:]]))"
    )
    make_store(tmp_path / "store", [[]])
    done = subprocess.run(
        [sys.executable, "-c", script, "--directory", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode and done.stderr.endswith(f"{how_to_install('sql')}\n"), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "statement", ["delete from logs", "select 1; select 2", "create table a (b int)", "  "]
)
def test_statements_that_change_something_are_refused(tmp_path, statement):
    connection = connect_in_memory(str(tmp_path), utc=True)
    with pytest.raises(QueryError):
        require_read_only(connection, statement)
    connection.close()
