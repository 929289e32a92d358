"""Checks of files, with the rights of a service's user: configuration, tokens, keys, certificates."""

from __future__ import annotations

import datetime
import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography import x509

from logsrv.errors import ConfigurationError
from logsrv.kit.net._certificates import LARGEST_FILE, check_certificate
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.files import GivenFile, names_descriptor, read_file
from logsrv.kit.service.findings import (
    Finding,
    FindingLevel,
    User,
    error,
    ok,
    short_address_text,
    warning,
)
from logsrv.kit.text.words import shown

# The warning comes this long before the end: ACME clients renew 30 days before it.
SOON = datetime.timedelta(days=30)
RENEW = "renew it, or look at the clock; the service takes a saved one by itself"


def check_files(files: Iterable[GivenFile], user: User) -> Iterator[Finding]:
    """Yield a finding for each file that the options name. Call it while acting as `user`."""
    for one in files:
        # A pipe was read already, and cannot be read again.
        if not names_descriptor(one.path):
            yield _check_file(one, user)


def _check_file(one: GivenFile, user: User) -> Finding:
    if one.written:
        return _check_written_file(one, user)
    name = str(one.path)
    try:
        os.stat(one.path)
    except FileNotFoundError:
        if one.needed:
            return error(name, f"is not there ({one.named_by})")
        return ok(name, f"is not there ({one.named_by})")
    except OSError:
        pass
    if not os.access(one.path, os.R_OK):
        remedy = f"chgrp {user.group} {shlex.quote(name)} && chmod 640 {shlex.quote(name)}"
        return error(name, f"cannot be read by user {user.name} ({one.named_by})", remedy)
    return _check_exposure(one) or ok(name, f"can be read by user {user.name}")


def _check_written_file(one: GivenFile, user: User) -> Finding:
    name, folder = str(one.path), one.path.absolute().parent
    quoted = shlex.quote(name)
    if not folder.is_dir():
        remedy = f"install -d -m 750 -o {user.name} -g {user.group} {shlex.quote(str(folder))}"
        return error(
            name, f"cannot be made: there is no directory {folder} ({one.named_by})", remedy
        )
    if not os.path.lexists(one.path):
        if os.access(folder, os.W_OK | os.X_OK):
            return ok(name, f"is not there yet; user {user.name} can make it")
        said = f"cannot be made: user {user.name} cannot write into {folder} ({one.named_by})"
        return error(name, said, f"chown {user.name} {shlex.quote(str(folder))}")
    if one.path.is_dir():
        return error(name, f"is a directory, not a file ({one.named_by})")
    if not os.access(one.path, os.R_OK | os.W_OK):
        remedy = f"chown {user.name} {quoted} && chmod u+rw {quoted}"
        return error(name, f"cannot be written by user {user.name} ({one.named_by})", remedy)
    return _check_exposure(one) or ok(name, f"can be read and written by user {user.name}")


def _check_exposure(one: GivenFile) -> Finding | None:
    """Return a warning about a secret that everybody on this machine may read or change."""
    sentence = one.exposure
    if sentence is None:
        return None
    said, _, remedy = sentence.partition(": ")
    return warning(str(one.path), said, remedy)


def check_directory_writable(path: Path, user: User) -> Finding:
    """Return a finding that says whether `user` may write into a directory, or create it; call this while
    acting as `user`.
    """
    there = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
    if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        where = f" in {there}" if there != path else ""
        remedy = f"install -d -m 750 -o {user.name} -g {user.group} {shlex.quote(str(path))}"
        return error(str(path), f"cannot be made or written by user {user.name}{where}", remedy)
    if there == path:
        return ok(str(path), f"can be written by user {user.name}")
    return ok(str(path), "is not there yet, and is made at the start")


def check_certificates(endpoints: Iterable[Endpoint], now: datetime.datetime) -> Iterator[Finding]:
    """Yield findings about the certificates of the listeners, for each file once. now: a time with a time
    zone.
    """
    files: dict[str, bool] = {}
    for endpoint in endpoints:
        names = ("certKey", "privateKey", "extraCertChain", "clientca")
        certificate, key, chain, authorities = map(endpoint.argument, names)
        try:
            check_certificate(endpoint)
        except ConfigurationError as failure:
            yield error(
                short_address_text(endpoint), str(failure).removeprefix(f"{shown(str(endpoint))}: ")
            )
            continue
        files |= {file: False for file in (certificate or key, chain) if file}
        files |= {authorities: True} if authorities else {}
    for file, of_authorities in files.items():
        yield from check_certificate_file(Path(file), now, authorities=of_authorities)


def check_certificate_file(
    path: Path, now: datetime.datetime, *, authorities: bool = False
) -> Iterator[Finding]:
    """Yield a finding about each certificate in a file: whether it is valid, and until when.

    authorities: whether the file is a bundle of authorities; an expired one is only a warning if another is
    valid.
    """
    try:
        found = x509.load_pem_x509_certificates(read_file(path, LARGEST_FILE))
    except ValueError as failure:
        yield error(str(path), f"has no certificates that can be used: {failure}")
        return
    times = [(one.not_valid_before_utc, one.not_valid_after_utc) for one in found]
    some_hold = authorities and any(begin <= now <= end for begin, end in times)
    for one, (begin, end) in zip(found, times, strict=True):
        names = one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        whose = shown(str(names[0].value) if names else one.subject.rfc4514_string())
        level = FindingLevel.WARNING if some_hold else FindingLevel.ERROR
        if begin > now:
            said = f"{whose} is valid from {begin:%Y-%m-%d %H:%M} UTC on"
        elif end < now:
            said = f"{whose} expired on {end:%Y-%m-%d %H:%M} UTC"
        else:
            level = FindingLevel.WARNING if end - now < SOON else FindingLevel.OK
            said = f"{whose} is valid until {end:%Y-%m-%d %H:%M} UTC"
        yield Finding(level, str(path), said, "" if level is FindingLevel.OK else RENEW)
