"""A self-signed certificate and its key, to try TLS with.

`python -m logsrv.kit.net.self_signed DIRECTORY` makes them.
Clients name the certificate as the authority to trust (`logsrv connect tls:HOST:PORT:cafile=cert.pem`).
"""

from __future__ import annotations

import datetime
import sys
from ipaddress import ip_address
from pathlib import Path

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
ADDRESSES = ("127.0.0.1", "::1")


def write_key_and_certificate(directory: Path) -> None:
    """Write key.pem, readable by its owner only, and cert.pem, for localhost and a year, into `directory`.

    Overwrites nothing. Raises ConfigurationError if a file is there or cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        directory.mkdir(parents=True, exist_ok=True)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        create_file(directory / KEY, pem, 0o600)
        certificate = _self_signed_certificate(key).public_bytes(Encoding.PEM)
        create_file(directory / CERTIFICATE, certificate, 0o644)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{shown(str(error.filename))} is there; remove it first"
        ) from None
    except OSError as error:
        where = shown(str(error.filename or directory))
        raise ConfigurationError(f"{where}: {error.strerror}") from None


def _self_signed_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return a certificate for `key` with all extensions that strict verifiers require (RFC 5280, 4.2)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    addresses = [x509.IPAddress(ip_address(address)) for address in ADDRESSES]
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
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST), *addresses]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.KeyUsage(**uses), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
        .sign(key, hashes.SHA256())
    )


def main(directory: str = "tls") -> int:
    """Write a pair, or print why not; return the exit status."""
    try:
        write_key_and_certificate(Path(directory))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{shown(directory)} has a key and a certificate for {HOST}, for {DAYS} days")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
