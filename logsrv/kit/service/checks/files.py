"""Files that a service reads: its configuration, tokens and keys, as its user sees them."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from logsrv.kit.options.files import names_descriptor, read_file
from logsrv.kit.options.given import GivenFile
from logsrv.kit.options.secrets import LONGEST, exposed
from logsrv.kit.service.checks.findings import Finding, error, ok, warning
from logsrv.kit.service.checks.user import User, group_name, user_name

# Tokens of fewer characters can be guessed by trying: 16 hexadecimal digits are 64 bits.
SHORTEST = 16
# Keys in PEM and credentials are no tokens.
_LARGEST = 64 * 1024
HOW_TO_MAKE = "openssl rand -hex 32 makes one"


def check_files(files: Iterable[GivenFile], user: User) -> Iterator[Finding]:
    """Yield a finding for each file that the options name."""
    for one in files:
        yield from _check_file(one, user)


def check_configuration(path: Path, secrets: Sequence[str], user: User) -> Iterator[Finding]:
    """Yield findings about the rights of the configuration. secrets: the keys in it that are some."""
    if names_descriptor(path):
        return
    name = str(path)
    if (why := _unreadable(path, user)) is not None:
        yield error(name, f"{why}, so a reload would be refused", _let_read(path, user))
    if (sentence := exposed(path)) is not None:
        said, _, remedy = sentence.partition(": ")
        if os.stat(path).st_mode & stat.S_IWOTH:
            yield error(name, said, remedy)
        elif secrets:
            yield warning(name, f"{said}, and {', '.join(sorted(set(secrets)))} is in it", remedy)


def _check_file(one: GivenFile, user: User) -> Iterator[Finding]:
    name = str(one.path)
    try:
        found = os.stat(one.path)
    except FileNotFoundError:
        tell = error if one.needed or not one.path.parent.is_dir() else warning
        advice = _make(one, user) if one.needed else "fine if the service makes it"
        yield tell(name, f"is not there (--{one.option})", advice)
        return
    except OSError as failure:
        yield error(name, f"{(failure.strerror or 'unreadable').lower()} (--{one.option})")
        return
    if (why := _unreadable(one.path, user)) is not None:
        yield error(name, f"{why} (--{one.option})", _let_read(one.path, user))
        return
    if one.secret:
        faults = [*_rights(one.path), *_content(one)]
        yield from faults
        if faults:
            return
    owner = f"{user_name(found.st_uid)}:{group_name(found.st_gid)}"
    yield ok(name, f"can be read by {user.name} ({owner} {stat.S_IMODE(found.st_mode):04o})")


def _make(one: GivenFile, user: User) -> str:
    if not one.secret:
        return ""
    path = shlex.quote(str(one.path))
    filled = f"; openssl rand -hex 32 >{path}" if one.option.endswith("token-file") else ""
    return f"install -m 640 -g {user.group} /dev/null {path}{filled}"


def _let_read(path: Path, user: User) -> str:
    quoted = shlex.quote(str(path))
    for parent in reversed(path.absolute().parents):
        with user.acting():
            enters = os.access(parent, os.X_OK)
        if not enters:
            where = shlex.quote(str(parent))
            return f"chgrp {user.group} {where} && chmod g+x {where}"
    return f"chgrp {user.group} {quoted} && chmod 640 {quoted}"


def _unreadable(path: Path, user: User) -> str | None:
    """Return why a user cannot read a file; None if he can."""
    with user.acting():
        readable = os.access(path, os.R_OK)
    return None if readable else f"cannot be read by user {user.name}"


def _rights(path: Path) -> Iterator[Finding]:
    if (sentence := exposed(path)) is not None:
        said, _, remedy = sentence.partition(": ")
        yield warning(str(path), said, remedy)
    above = os.stat(path.absolute().parent).st_mode
    if above & stat.S_IWOTH and not above & stat.S_ISVTX:
        yield warning(
            str(path),
            "everybody on this machine may put another file in its place",
            f"chmod o-w {shlex.quote(str(path.absolute().parent))}",
        )


def _content(one: GivenFile) -> Iterator[Finding]:
    """Yield what is odd about a token; of what is none of ours, such as a key, nothing."""
    name = str(one.path)
    try:
        data = read_file(one.path, _LARGEST)
    except ValueError as failure:
        yield error(name, f"{failure} (--{one.option})")
        return
    token = data.strip()
    if not token:
        yield error(name, f"is empty (--{one.option})", HOW_TO_MAKE)
    elif token.startswith(b"-----BEGIN") or len(token) > LONGEST:
        return
    elif b"\n" in token:
        yield error(
            name, f"has more than one line (--{one.option})", "one token is all it may have"
        )
    elif data.removesuffix(b"\n") != token:
        yield warning(
            name,
            "has blanks around the token: left out here, perhaps not by who else reads the file",
            "remove them",
        )
    elif len(token) < SHORTEST:
        yield warning(
            name, f"has a token of {len(token)} characters, which can be guessed", HOW_TO_MAKE
        )
