"""Checks of certificates, of listeners and of authorities: whether they can be used, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography import x509

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.twisted.certificates import LARGEST_FILE, check_certificate
from logsrv.kit.options.files import read_file
from logsrv.kit.service.checks.findings import Finding, FindingLevel, error, short_place_text
from logsrv.kit.text.words import shown

# The warning comes this long before the end: ACME clients renew 30 days before it.
SOON = datetime.timedelta(days=30)
RENEW = "renew it, or look at the clock; the service takes a saved one by itself"


def check_certificates(endpoints: Iterable[Endpoint], now: datetime.datetime) -> Iterator[Finding]:
    """Yield findings about the certificates of the listeners, each file once. now: with a time zone."""
    files: dict[str, bool] = {}
    for endpoint in endpoints:
        names = ("certKey", "privateKey", "extraCertChain", "clientca")
        certificate, key, chain, authorities = map(endpoint.argument, names)
        try:
            check_certificate(endpoint)
        except ConfigurationError as failure:
            yield error(
                short_place_text(endpoint), str(failure).removeprefix(f"{shown(str(endpoint))}: ")
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
