"""The verified certificate of a client, and the name that the client gets from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate

# Bytes: a name stands before each line of a peer, so the digest replaces a longer one.
LONGEST_NAME = 128


@attrs.frozen
class PeerCertificate:
    """The verified certificate of a peer; `str()` is the peer's name, as sources have it.

    x509: the certificate as an object of the package cryptography.
    kind: the source of the name: `dns`, `uri`, `email` (the first such alternative name of the
        certificate, in this order), `cn` (the common name of its subject) or `sha256` (the digest of
        the certificate, if it has no other name, or one longer than LONGEST_NAME).
    name: the name as in the certificate, or the digest: any text.
    """

    x509: Certificate
    kind: str
    name: str

    @classmethod
    def of(cls, certificate: Certificate) -> PeerCertificate:
        """Return a certificate with its name."""
        try:
            kind, name = next(_kinds_and_names(certificate))
            if len(name.encode()) <= LONGEST_NAME:
                return cls(certificate, kind, name)
        except (StopIteration, ValueError, x509.DuplicateExtension):
            # The names may be malformed: an authority signs what it likes.
            pass
        return cls(certificate, "sha256", certificate.fingerprint(hashes.SHA256()).hex())

    def __str__(self) -> str:
        return f"{self.kind}={escaped_name(self.name)}"

    @property
    def subject(self) -> str:
        """The name of its owner in the form of RFC 4514: `CN=shop,O=Example`; any text."""
        return self.x509.subject.rfc4514_string()

    @property
    def issuer(self) -> str:
        """The name of the authority that signed it, in the form of RFC 4514; any text."""
        return self.x509.issuer.rfc4514_string()

    @property
    def serial(self) -> int:
        """The serial number that its issuer gave it."""
        return self.x509.serial_number

    @property
    def expires(self) -> datetime:
        """The end of its validity, UTC."""
        return self.x509.not_valid_after_utc

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest of the certificate, in hexadecimal."""
        return self.x509.fingerprint(hashes.SHA256()).hex()


def _kinds_and_names(certificate: Certificate) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each name in a certificate, the most specific first."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        pass
    else:
        for kind, of in (
            ("dns", x509.DNSName),
            ("uri", x509.UniformResourceIdentifier),
            ("email", x509.RFC822Name),
        ):
            for name in extension.value.get_values_for_type(of):
                if name:
                    yield kind, str(name)
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        if value := attribute.value:
            yield "cn", value if isinstance(value, str) else value.decode("latin-1")


def escaped_name(name: str) -> str:
    """Return `name` as one word, different for each name: spaces, commas, backslashes and all characters
    that are not printable ASCII become the `\\xNN` of their UTF-8.
    """
    return "".join(
        chr(byte) if 0x21 <= byte <= 0x7E and byte not in b",\\" else f"\\x{byte:02x}"
        for byte in name.encode("utf-8", "surrogatepass")
    )
