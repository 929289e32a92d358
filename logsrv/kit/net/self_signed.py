"""A self-signed certificate and its key, to try TLS with.

`python -m logsrv.kit.net.self_signed DIRECTORY` makes them; tests call `self_signed_certificate`.
Clients name the certificate as the authority to trust (`logsrv connect tls:HOST:PORT:cafile=cert.pem`).
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from logsrv.errors import ConfigurationError
from logsrv.kit.options.files import create_file
from logsrv.kit.text.words import shown

KEY, CERTIFICATE = "key.pem", "cert.pem"
DAYS = 365
HOST = "localhost"
NAMES = (HOST, "127.0.0.1", "::1")


class SelfSigned(NamedTuple):
    """The files of a certificate and its key. certificate: clients can also trust this file as their
    authority.
    """

    certificate: Path
    key: Path


def self_signed_certificate(directory: str | PathLike[str], *names: str) -> SelfSigned:
    """Write cert.pem, and key.pem, which only its owner can read, into `directory`; return both paths.

    names: host names and IP addresses; the first is also the common name. Without them, those of this
    machine's loopback. It is valid for a year, for servers and for clients. Overwrites nothing. Raises
    ConfigurationError if a file is there or cannot be written, ValueError for a name outside ASCII.
    """
    folder, key = Path(directory), ec.generate_private_key(ec.SECP256R1())
    found = SelfSigned(folder / CERTIFICATE, folder / KEY)
    certificate = _certificate_for(key, names or NAMES).public_bytes(Encoding.PEM)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        create_file(found.key, pem, 0o600)
        create_file(found.certificate, certificate, 0o644)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{shown(str(error.filename))} is there; remove it first"
        ) from None
    except OSError as error:
        where = shown(str(error.filename or folder))
        raise ConfigurationError(f"{where}: {error.strerror}") from None
    return found


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate_for(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> x509.Certificate:
    """Return a certificate for `key` with all extensions that strict verifiers require (RFC 5280, 4.2)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = x509.SubjectAlternativeName([*map(_alternative_name, names)])
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    public = key.public_key()
    signs = ("digital_signature", "key_cert_sign")
    uses = {
        use: use in signs
        for use in (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )
    }  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # The clocks of two machines are never quite the same.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(alternatives, False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.KeyUsage(**uses), True)
        .add_extension(x509.ExtendedKeyUsage(purposes), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
        .sign(key, hashes.SHA256())
    )


def main(directory: str = "tls") -> int:
    """Write a certificate and its key, or print why this failed; return the exit status."""
    try:
        self_signed_certificate(directory)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{shown(directory)} has a key and a certificate for {HOST}, for {DAYS} days")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
