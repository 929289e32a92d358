"""Checks of a service's files and directories, with the rights of its user: configuration, tokens, keys."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from logsrv.kit.options.files import names_descriptor
from logsrv.kit.options.given_files import GivenFile
from logsrv.kit.options.secrets import exposure_warning
from logsrv.kit.service.checks.findings import Finding, error, ok, warning
from logsrv.kit.service.checks.user import User


def check_files(files: Iterable[GivenFile], user: User) -> Iterator[Finding]:
    """Yield a finding for each file that the options name. Call it while acting as `user`."""
    for one in files:
        # A pipe was read already, and cannot be read again.
        if not names_descriptor(one.path):
            yield _check_file(one, user)


def _check_file(one: GivenFile, user: User) -> Finding:
    name = str(one.path)
    try:
        os.stat(one.path)
    except FileNotFoundError:
        if one.needed:
            return error(name, f"is not there (--{one.option})")
        return check_directory_writable(one.path.parent, user)
    except OSError:
        pass
    if not os.access(one.path, os.R_OK):
        remedy = f"chgrp {user.group} {shlex.quote(name)} && chmod 640 {shlex.quote(name)}"
        return error(name, f"cannot be read by user {user.name} (--{one.option})", remedy)
    if one.secret and (sentence := exposure_warning(one.path)) is not None:
        said, _, remedy = sentence.partition(": ")
        return warning(name, said, remedy)
    return ok(name, f"can be read by user {user.name}")


def check_directory_writable(path: Path, user: User) -> Finding:
    """Return the finding whether `user` may write into a directory, or make it; call it as this user."""
    there = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
    if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        where = f" in {there}" if there != path else ""
        remedy = f"install -d -m 750 -o {user.name} -g {user.group} {shlex.quote(str(path))}"
        return error(str(path), f"cannot be made or written by user {user.name}{where}", remedy)
    if there == path:
        return ok(str(path), f"can be written by user {user.name}")
    return ok(str(path), "is not there yet, and is made at the start")
