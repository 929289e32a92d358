"""Errors: each class says whose fault it is, and so what to do about it."""


class LogsrvError(Exception):
    """The root of everything logsrv raises on purpose; `str()` of each is one sentence for a person."""


class ConfigurationError(LogsrvError):
    """The operator asked for something that cannot be. Say the sentence, exit with status 1."""


class PeerError(LogsrvError):
    """The other end of a connection broke a rule. Count it, close that connection, harm no other."""


class Shown(Exception):
    """A wish: the command line asked for `text`, the help or the version, and nothing else."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class UsageError(ConfigurationError):
    """The command line makes no sense. Say the sentence, exit with status 2."""


class StoreError(LogsrvError):
    """The disk or the directory under the store does not do what the store needs."""


class StartError(ConfigurationError, SystemExit):
    """The service cannot start.

    A SystemExit, so that `twistd -n` and `twist` end with the sentence and status 1 instead of a
    traceback; an Exception as well, so that a daemonising twistd tells it to its parent.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.code = sentence


class QueryError(LogsrvError):
    """A query is wrong.

    sentence: what is wrong with it and what to do. at: where, the number of the character from 1.
    """

    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.at = at
