"""Whose fault it is, and what to do about it."""


class LogsrvError(Exception):
    """The root of everything logsrv raises on purpose; `str()` of each is one sentence for a person."""


class ConfigurationError(LogsrvError):
    """The operator asked for something that cannot be. Say the sentence, exit with status 1."""


class PeerError(LogsrvError):
    """The other end of a connection broke a rule. Count it, close that connection, harm no other."""


class StoreError(LogsrvError):
    """The disk or the directory under the store does not do what the store needs."""
