"""A JSON file of entries by their names, which readers change by the API and an operator may edit.

{"errors of the shop": {"q": "app=shop level>=error"}}

A file that cannot be used is never overwritten. The functions read and write the disk, which may take
seconds: `OneAtATime` runs them in a thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

import orjson
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.kit.options.files import read_file
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import shown
from logsrv.linelog.parts.endpoints import RefusedRequest
from logsrv.linelog.store.disk import Disk, reason

P = ParamSpec("P")
T = TypeVar("T")
Entries: TypeAlias = dict[str, Any]

LARGEST_FILE = 1024 * 1024


class OneAtATime:
    """Work on the disk in threads, one after the other, so that no change of a file is lost."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._lock = DeferredLock()

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Do the work in its turn; return a Deferred with its result."""
        return self._lock.run(self._run_in_thread, partial(work, *args, **kwargs))

    def _run_in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    def ended(self) -> Deferred[None]:
        """Return a Deferred that fires when no work of before is under way."""
        return self._lock.run(lambda: None)


class FaultLog:
    """Logs the StoreError of a file that is asked again and again once, until there is none, or another.

    what: begins the line.
    """

    def __init__(self, log: Logger, what: str) -> None:
        self._log, self._what = log, what
        self._logged = ""

    def note(self, outcome: T | Failure) -> T | Failure:
        """Note what came of the file; returns it, as a callback and errback of a Deferred."""
        is_fault = isinstance(outcome, Failure) and outcome.check(StoreError)
        why = outcome.getErrorMessage() if isinstance(outcome, Failure) and is_fault else ""
        if why not in ("", self._logged):
            self._log.error("{what}: {why}", what=self._what, why=why)
        self._logged = why
        return outcome


def read_entries(file: Path, what: str) -> Entries:
    """Return the entries of a file; none if there is no file. what: the word for them.

    Raises StoreError if the file cannot be used.
    """
    try:
        found = parse_json(read_file(file, LARGEST_FILE) or b"{}")
        if not isinstance(found, dict):
            raise ValueError(f"is no JSON object of {what} by their names")
    except ValueError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise file_error(file, error) from error
    return found


def write_entries(file: Path, entries: Entries, what: str) -> None:
    """Replace the file durably; its mode and owner stay.

    Raises StoreError, and RefusedRequest if it is too long.
    """
    data = orjson.dumps(entries, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if len(data) > LARGEST_FILE:
        raise RefusedRequest(409, f"the saved {what} are too long together; remove one first")
    # Through a symbolic link, so that the link stays.
    folder, name = os.path.split(os.path.realpath(file))
    try:
        known = os.stat(file) if file.exists() else None
        if known is not None and not stat.S_ISREG(known.st_mode):
            raise StoreError(f"{_shown_path(file)}: is a device, not a file")
        with Disk().open_directory(folder) as disk:
            disk.replace_durably(name, data, like=known)
    except OSError as error:
        raise StoreError(f"{_shown_path(file)}: cannot be written: {reason(error)}") from error


def parse_json(data: bytes) -> Any:
    """Return a JSON value. Raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None


def file_error(file: Path, error: ValueError) -> StoreError:
    """Return the error of a file whose contents are wrong."""
    return StoreError(f"{_shown_path(file)}: {one_line(str(error))}")


def _shown_path(file: Path) -> str:
    return shown(str(file), SHOWN_PATH_LENGTH)
