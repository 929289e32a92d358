"""Certificates of listeners and of authorities: whether they can be used, and how long still."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.tls.certificates import LARGEST_FILE, check_certificate
from logsrv.kit.options.files import read_file
from logsrv.kit.service.checks.findings import Finding, Level, error, ok, place_of, warning
from logsrv.kit.service.checks.user import User
from logsrv.kit.text.words import shown

# Days before its end at which an operator wants to know: renewals by ACME begin at 30.
SOON = 30
LEAST_RSA_BITS = 2048
RENEW = "renew it; the service takes a saved one by itself"


def check_certificates(
    endpoints: Iterable[Endpoint], user: User, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield findings about the certificates of the listeners, each file once. now: with its zone."""
    done: set[tuple[str | None, ...]] = set()
    for endpoint in endpoints:
        names = ("privateKey", "certKey", "extraCertChain", "clientca", "caCertsDir")
        files = tuple(endpoint.argument(name) for name in names)
        if not endpoint.has_certificate or files in done:
            continue
        done.add(files)
        yield from _check_listener(endpoint, user, now)


def check_file(path: Path, user: User, now: datetime.datetime) -> Iterator[Finding]:
    """Yield findings about each certificate in a file: how long it holds, and its key."""
    try:
        with user.acting():
            certificates = _in_file(path)
    except ValueError as failure:
        yield error(str(path), f"has no certificates that can be used: {failure}")
        return
    for one in certificates:
        yield from _check_time(str(path), one, now)


def _check_listener(endpoint: Endpoint, user: User, now: datetime.datetime) -> Iterator[Finding]:
    key = endpoint.argument("privateKey") or ""
    try:
        # The service's user: he loads them at a reload, and when they are renewed.
        with user.acting():
            # Told with the files.
            if not os.access(key, os.R_OK):
                return
            check_certificate(endpoint)
    except ConfigurationError as failure:
        yield error(place_of(endpoint), str(failure).removeprefix(f"{shown(str(endpoint))}: "))
        return
    path = Path(endpoint.argument("certKey") or key)
    chain = _in_file(path)
    if extra := endpoint.argument("extraCertChain"):
        chain += _in_file(Path(extra))
    yield from _check_time(str(path), chain[0], now)
    yield from _check_key(str(path), chain[0])
    for one in chain[1:]:
        yield from (each for each in _check_time(str(path), one, now) if each.advice)
    yield from _check_chain(str(path), chain)
    if authorities := endpoint.argument("clientca"):
        found = list(check_file(Path(authorities), user, now))
        holds = any(one.level is not Level.ERROR for one in found)
        for each in found:
            # A bundle has old ones: who comes by another authority is let in.
            past = holds and each.level is Level.ERROR
            yield attrs.evolve(each, level=Level.WARNING) if past else each


def _in_file(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a file. Raises ValueError with what is wrong with it."""
    return x509.load_pem_x509_certificates(read_file(path, LARGEST_FILE))


def _check_time(name: str, one: x509.Certificate, now: datetime.datetime) -> Iterator[Finding]:
    end, whose = one.not_valid_after_utc, shown(_whose(one))
    day = f"{end:%Y-%m-%d %H:%M} UTC"
    left = end - now
    if left < datetime.timedelta(0):
        yield error(name, f"{whose} expired on {day}", RENEW)
    elif one.not_valid_before_utc > now:
        yield error(
            name,
            f"{whose} holds from {one.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on",
            "wait until then, or look at the clock",
        )
    elif left < datetime.timedelta(days=SOON):
        yield warning(name, f"{whose} expires in {left.days} days, on {day}", RENEW)
    else:
        yield ok(name, f"{whose} holds until {day}")


def _check_key(name: str, one: x509.Certificate) -> Iterator[Finding]:
    key = one.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        yield warning(
            name,
            f"has an RSA key of {key.key_size} bits, which many clients refuse",
            "take one of 2048 bits and more, or an elliptic curve",
        )
    elif isinstance(key, dsa.DSAPublicKey):
        yield warning(name, "has a DSA key, which no client takes", "take RSA or an elliptic curve")


def _check_chain(name: str, chain: list[x509.Certificate]) -> Iterator[Finding]:
    for one, above in pairwise(chain):
        try:
            one.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            yield warning(
                name,
                f"{shown(_whose(above))} follows {shown(_whose(one))}, and has not issued it: clients "
                "may not find a way to the authority",
                "put the issuer of each certificate behind it",
            )


def _whose(one: x509.Certificate) -> str:
    """Return the name of who has a certificate: its common name, or else its subject."""
    names = one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    value = names[0].value if names else one.subject.rfc4514_string()
    return value if isinstance(value, str) else value.decode("latin-1")
