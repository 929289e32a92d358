"""SQL over a store: DuckDB asks, the reading side answers with the rows that may be wanted.

columns.py   the table `logs`: its columns, and the kinds of fields
fault.py     an error of DuckDB as a sentence with a place
sample.py    the kind of a field, by lines here and there in the store
binding.py   the fields that a statement names, and a kind for each that the statement can be of
plan.py      DuckDB's plan of a statement: which columns it needs, of which rows
push.py      conditions of that plan as a query and a scope of the reading side
arrow_columns.py
             lines of the store as columns
rows.py      the table as a stream of record batches, made by all cores
answer.py    the answer to a statement, by all of these together, on connections that only compute

DuckDB and PyArrow are an extra, and take half a second to load. Only the command imports this package, and
only when it runs. Importing it without them raises NotInstalled.
"""

from __future__ import annotations

from logsrv.errors import LogsrvError

NEEDED = (
    "SQL needs DuckDB and PyArrow, which are not installed; this installs them: "
    "pip install 'logsrv[sql]'"
)


class NotInstalled(LogsrvError):
    """An error: the packages of the extra `sql` are missing."""


try:
    import duckdb  # noqa: F401
    import pyarrow  # noqa: F401
except ImportError as error:
    raise NotInstalled(NEEDED) from error
