"""Certificates of listeners and of authorities: whether they can be used, and how long still."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
from cryptography import x509

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.twisted.certificates import LARGEST_FILE, check_certificate
from logsrv.kit.options.files import read_file
from logsrv.kit.service.checks.findings import Finding, Level, error, ok, place_of, warning
from logsrv.kit.service.checks.user import User
from logsrv.kit.text.words import shown

# Days before its end at which an operator wants to know: renewals by ACME begin at 30.
SOON = 30
RENEW = "renew it; the service takes a saved one by itself"


def check_certificates(
    endpoints: Iterable[Endpoint], user: User, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield findings about the certificates of the listeners, each file once. now: with its zone."""
    tried: set[tuple[str | None, ...]] = set()
    for endpoint in endpoints:
        names = ("privateKey", "certKey", "extraCertChain", "clientca", "caCertsDir")
        key, certificate, chain, authorities, _ = files = tuple(map(endpoint.argument, names))
        if not endpoint.has_certificate or files in tried:
            continue
        tried.add(files)
        try:
            # The service's user: he loads them at a reload, and when they are renewed.
            with user.acting():
                check_certificate(endpoint)
        except ConfigurationError as failure:
            yield error(place_of(endpoint), str(failure).removeprefix(f"{shown(str(endpoint))}: "))
            continue
        for file in (certificate or key, chain):
            if file:
                yield from check_file(Path(file), user, now)
        if authorities:
            yield from check_file(Path(authorities), user, now, authorities=True)


def check_file(
    path: Path, user: User, now: datetime.datetime, *, authorities: bool = False
) -> Iterator[Finding]:
    """Yield findings about each certificate in a file: how long it holds.

    authorities: a bundle has old ones, and who comes by another is let in, if there is one that holds.
    """
    try:
        with user.acting():
            certificates = x509.load_pem_x509_certificates(read_file(path, LARGEST_FILE))
    except ValueError as failure:
        yield error(str(path), f"has no certificates that can be used: {failure}")
        return
    found = [_check_time(str(path), one, now) for one in certificates]
    some_hold = any(one.level is not Level.ERROR for one in found)
    for one in found:
        past = authorities and some_hold and one.level is Level.ERROR
        yield attrs.evolve(one, level=Level.WARNING) if past else one


def _check_time(name: str, one: x509.Certificate, now: datetime.datetime) -> Finding:
    begin, end = one.not_valid_before_utc, one.not_valid_after_utc
    whose, day = shown(_whose(one)), f"{end:%Y-%m-%d %H:%M} UTC"
    if end < now:
        return error(name, f"{whose} expired on {day}", RENEW)
    if begin > now:
        return error(name, f"{whose} holds from {begin:%Y-%m-%d %H:%M} UTC on", "look at the clock")
    if end - now < datetime.timedelta(days=SOON):
        return warning(name, f"{whose} expires in {(end - now).days} days, on {day}", RENEW)
    return ok(name, f"{whose} holds until {day}")


def _whose(one: x509.Certificate) -> str:
    """Return the name of who has a certificate: its common name, or else its subject."""
    names = one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    value = names[0].value if names else one.subject.rfc4514_string()
    return value if isinstance(value, str) else value.decode("latin-1")
