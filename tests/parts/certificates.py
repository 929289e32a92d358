"""Certificates for tests of TLS: an authority and those it signs, and one that signs itself."""

import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from logsrv.kit.testing import self_signed_certificate

# Since Python 3.13 an authority has to say what its key is for, and each certificate whose key signed it.
_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Its certificate is in `cafile`."""

    def __init__(self, directory: Path, name: str = "test authority") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = self._signed(self._name, self._key, x509.BasicConstraints(True, None), _SIGNS)
        self.cafile = directory / "ca.pem"
        self.cafile.write_bytes(_pem(certificate))

    def certify(
        self, name: str, *, days: int = 2, names: Sequence[x509.GeneralName] | None = None
    ) -> Path:
        """A file with a certificate for a DNS name, and its key.

        days: until it expires. names: the alternative names in place of that DNS name; perhaps none.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name)] if names is None else names
        alternatives = [x509.SubjectAlternativeName(names)] if names else []
        certificate = self._signed(_name(name), key, *alternatives, days=days)
        path = self._directory / f"{name}.pem"
        path.write_bytes(_pem(certificate) + _pem(key))
        return path

    def server_context(
        self,
        name: str,
        clients: bool = False,
        names: Sequence[x509.GeneralName] | None = None,
    ) -> ssl.SSLContext:
        """What a server named `name` uses; clients: it wants certificates of this authority's.

        names: as for `certify`.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certify(name, names=names))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.cafile)
        return context

    def _signed(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *extensions: x509.ExtensionType,
        days: int = 2,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=3))
            .not_valid_after(now + datetime.timedelta(days=days))
        )
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        for extension in (*extensions, identifier, subject):
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate_file(path: Path, *names: str) -> Path:
    """A self-signed certificate for these names and addresses with its key, in one PEM file."""
    with TemporaryDirectory() as directory:
        certificate, key = self_signed_certificate(directory, *(names or ("test",)))
        path.write_bytes(key.read_bytes() + certificate.read_bytes())
    return path


def _pem(part: ec.EllipticCurvePrivateKey | x509.Certificate) -> bytes:
    if isinstance(part, x509.Certificate):
        return part.public_bytes(serialization.Encoding.PEM)
    return part.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
