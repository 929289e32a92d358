"""The errors that end a start."""

from logsrv.errors import ConfigurationError, StartError


def test_a_start_error_is_both_kinds() -> None:
    """SystemExit for `twistd -n`, which then shows the sentence; an Exception for a daemon's parent."""
    error = StartError("logsrv: tcp:1234: the port is in use")
    assert isinstance(error, SystemExit) and isinstance(error, Exception)
    assert isinstance(error, ConfigurationError)
    assert error.code == str(error) == "logsrv: tcp:1234: the port is in use"
