"""The user that a service runs as: checks act as this user to try what it may do."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Iterator

import attrs

from logsrv.errors import UsageError
from logsrv.kit.text.words import shown


@attrs.frozen
class User:
    """A user of this machine. groups: the ids of all its groups, with its own (`gid`)."""

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
        """Return the name of its own group, or the number of a group without a name."""
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
