"""Collects the mistakes in a configuration file, so that one run reports all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from logsrv.errors import ConfigurationError, ConfigurationErrors

MOST = 20
"""The most mistakes that are reported together. A file for another program has one in each line."""


class Mistakes:
    """The mistakes found so far."""

    def __init__(self) -> None:
        self._found: list[ConfigurationError] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Collect the error that ends the body of this `with` statement; the code after the statement then
        runs.

        Raises ConfigurationErrors once there are MOST.
        """
        try:
            yield
        except ConfigurationErrors as several:
            self._found += several.errors
        except ConfigurationError as error:
            self._found.append(error)
        if len(self._found) >= MOST:
            more = ConfigurationError("further mistakes are not looked for")
            raise ConfigurationErrors([*self._found[:MOST], more])

    def raise_found(self) -> None:
        """Raise the collected mistakes, if there are any: a single mistake as it is, several as one
        error.
        """
        if self._found[1:]:
            raise ConfigurationErrors(self._found)
        if self._found:
            raise self._found[0]
