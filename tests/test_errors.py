"""The error that ends a start, and the error of a query with its position."""

from logsrv.errors import ConfigurationError, QueryError, StartError


def test_a_start_error_is_both_kinds():
    """SystemExit for `twistd -n`, which then shows the sentence; an Exception for a daemon's parent."""
    error = StartError("logsrv: tcp:1234: the port is in use")
    assert isinstance(error, SystemExit) and isinstance(error, Exception)
    assert isinstance(error, ConfigurationError)
    assert error.code == str(error) == "logsrv: tcp:1234: the port is in use"


def test_a_query_error_says_where():
    error = QueryError("this ( is never closed", 3)
    assert (str(error), error.sentence, error.at) == (
        "this ( is never closed",
        "this ( is never closed",
        3,
    )
