"""Errors: each class says who made the mistake, and how to react."""

from __future__ import annotations

from collections.abc import Sequence


class LogsrvError(Exception):
    """The base class of all errors that logsrv raises on purpose; `str()` gives a sentence for people."""


class ConfigurationError(LogsrvError):
    """The operator asked for something impossible. Print the sentence, exit with status 1."""


class ConfigurationErrors(ConfigurationError):
    """Several mistakes of the operator that were found together, such as all wrong keys of a file.

    errors: each with its own sentence; the text of all has a line for each.
    """

    def __init__(self, errors: Sequence[ConfigurationError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


class PeerError(LogsrvError):
    """The other end of a connection broke a rule. Count it, close that connection, harm no other."""


class HelpRequest(Exception):
    """The command line asked for the help or the version; print `text` and exit with status 0."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class UsageError(ConfigurationError):
    """The command line makes no sense. Print the sentence, exit with status 2."""


class StoreError(LogsrvError):
    """The disk or the directory of the store failed."""


class StartError(ConfigurationError, SystemExit):
    """The service cannot start.

    A SystemExit, so that `twistd -n` and `twist` end with the sentence and status 1 instead of a
    traceback; an Exception as well, so that a daemonising twistd passes it on to its parent.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.code = sentence


class QueryError(LogsrvError):
    """A query is wrong.

    sentence: the mistake and its remedy. at: the number of the character where it is, from 1; 0 if unknown.
    """

    def __init__(self, sentence: str, at: int = 0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.at = at
