"""The findings of checks, each with a weight and advice; and the user with whose rights a check runs.

A check takes settings or a path, and yields findings. It lets no peer in and changes nothing.
"""

from __future__ import annotations

import contextlib
import enum
import grp
import os
import pwd
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import attrs

from logsrv.errors import ConfigurationError, UsageError
from logsrv.kit.connections.client_tls import TLSOptions, tls_context
from logsrv.kit.net.endpoint import EVERYWHERE, Endpoint
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import error_text, shown

REACH_SECONDS = 5.0


class FindingLevel(enum.Enum):
    """The weight of a finding: only an error prevents the service from working."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@attrs.frozen
class Finding:
    """A line for the operator. subject: a file, an address or a part. advice: the remedy; "" for none."""

    level: FindingLevel
    subject: str
    sentence: str
    advice: str = ""


@attrs.frozen
class CheckRequest:
    """The arguments of `logsrv check`.

    user: the user that the service runs as. reach: whether to try connections to other servers. file: the
    configuration; None if there is none. line: a line to try in a service that stores lines; None if none
    is given.
    """

    user: User
    reach: bool = False
    file: Path | None = None
    line: str | None = None


ok = partial(Finding, FindingLevel.OK)
"""Make a finding that everything is right."""
warning = partial(Finding, FindingLevel.WARNING)
"""Make a finding about something that is odd, or will fail later."""
error = partial(Finding, FindingLevel.ERROR)
"""Make a finding about something that cannot work."""


def short_address_text(endpoint: Endpoint) -> str:
    """Return the address of an endpoint without its other arguments: `ssl:6514`, `unix:/run/log.sock`."""
    if endpoint.path:
        return shown(f"{endpoint.scheme}:{endpoint.path}")
    if endpoint.port is None:
        return shown(str(endpoint))
    address = f"{endpoint.scheme}:{endpoint.port}"
    return address if endpoint.interface in EVERYWHERE else f"{address} on {endpoint.interface}"


def findings_or_error(subject: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the findings of a check. If it raises, yield an error about `subject`, so that others go on."""
    try:
        yield from check()
    except Exception as failure:
        yield error(subject, f"could not be checked: {error_text(failure)}")


def check_server(
    asked: CheckRequest, subject: str, host: str, port: int, tls: TLSOptions | None
) -> Finding:
    """Connect to a server and check its certificate, but only if `asked.reach` is true; sends no data.

    tls: None for plain text.
    """
    address = one_line(f"{host}:{port}")
    if not asked.reach:
        return ok(subject, f"is at {address} (not contacted; --reach tries)")
    try:
        with socket.create_connection((host, port), REACH_SECONDS) as connection:
            if tls is not None:
                tls_context(tls).wrap_socket(connection, server_hostname=host).close()
    except ConfigurationError as failure:
        return error(subject, str(failure))
    except ssl.SSLError as failure:
        why = getattr(failure, "verify_message", "") or failure.reason or str(failure)
        return error(subject, f"{address} answers, but its TLS is not trusted: {one_line(why)}")
    except (OSError, UnicodeError) as failure:
        why = getattr(failure, "strerror", None) or str(failure)
        return error(subject, f"{address} cannot be reached: {one_line(why).lower()}")
    return ok(subject, f"{address} answers")


@attrs.frozen
class User:
    """A user of this machine. groups: the ids of all groups of the user, including the main group
    (`gid`).
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def is_me(self) -> bool:
        """Return true for the user of this process."""
        return self.uid == os.geteuid()

    @property
    def group(self) -> str:
        """Return the name of the main group of the user; the number if this group has no name."""
        try:
            return grp.getgrgid(self.gid).gr_name
        except KeyError:
            return str(self.gid)

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Act as this user inside `with`. Only root can act as another; not for processes with threads."""
        if self.is_me:
            yield
            return
        users, own, groups = os.getresuid(), os.getresgid(), os.getgroups()
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, own[2])
        # The saved user id, the third, lets the process become its own user again.
        os.setresuid(self.uid, self.uid, users[1])
        try:
            yield
        finally:
            os.setresuid(*users)
            os.setresgid(*own)
            os.setgroups(groups)


def current_user() -> User:
    """Return the user of this process; a user without a name has its number as the name."""
    uid, gid = os.geteuid(), os.getegid()
    name = str(uid)
    with contextlib.suppress(KeyError):
        name = pwd.getpwuid(uid).pw_name
    return User(name, uid, gid, tuple({gid, *os.getgroups()}))


def find_user(name: str) -> User:
    """Return the user with a name or a number. Raises UsageError if there is none."""
    try:
        found = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError):
        raise UsageError(f"--user: there is no user {shown(name)} on this machine") from None
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    return User(found.pw_name, found.pw_uid, found.pw_gid, tuple(groups))
