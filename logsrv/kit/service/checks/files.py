"""Files and directories of a service, as its user sees them: its configuration, tokens, keys."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from logsrv.kit.options.files import names_descriptor
from logsrv.kit.options.given import GivenFile
from logsrv.kit.options.secrets import exposed
from logsrv.kit.service.checks.findings import Finding, error, ok, warning
from logsrv.kit.service.checks.user import User


def check_files(files: Iterable[GivenFile], user: User) -> Iterator[Finding]:
    """Yield a finding for each file that the options name, or two."""
    for one in files:
        yield from _check_file(one, user)


def _check_file(one: GivenFile, user: User) -> Iterator[Finding]:
    # A pipe has been read, and others cannot read it.
    if names_descriptor(one.path):
        return
    name, option = str(one.path), f"(--{one.option})"
    try:
        os.stat(one.path)
    except FileNotFoundError:
        if one.needed:
            yield error(name, f"is not there {option}")
        else:
            yield from check_directory(one.path.parent, user)
        return
    except OSError as failure:
        yield error(name, f"{(failure.strerror or 'unreadable').lower()} {option}")
        return
    with user.acting():
        readable = os.access(one.path, os.R_OK)
    if not readable:
        remedy = f"chgrp {user.group} {shlex.quote(name)} && chmod 640 {shlex.quote(name)}"
        yield error(name, f"cannot be read by user {user.name} {option}", remedy)
    elif one.secret and (sentence := exposed(one.path)) is not None:
        said, _, remedy = sentence.partition(": ")
        yield warning(name, said, remedy)
    else:
        yield ok(name, f"can be read by user {user.name}")


def others_write(path: Path) -> bool:
    """Return whether everybody on this machine may change a file that is there."""
    return path.exists() and bool(path.stat().st_mode & stat.S_IWOTH)


def check_directory(path: Path, user: User) -> Iterator[Finding]:
    """Yield whether a user may write into a directory, or make it."""
    name, there = str(path), _existing(path)
    with user.acting():
        writable = there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK)
    if not writable:
        where = f" in {there}" if not os.path.lexists(path) else ""
        remedy = f"install -d -m 750 -o {user.name} -g {user.group} {shlex.quote(name)}"
        yield error(name, f"cannot be made or written by user {user.name}{where}", remedy)
    elif path.is_dir():
        yield ok(name, f"can be written by user {user.name}")
    else:
        yield ok(name, "is not there yet, and is made at the start")


def _existing(path: Path) -> Path:
    """Return a path, or the nearest directory above it that is there."""
    return next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
