"""The keys of SSH: the server's host key, and the public keys that may log in."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, FingerprintFormats, Key
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.options.files import create_file, read_file
from logsrv.kit.text.words import shown

log = Logger()

LARGEST_FILE = 256 * 1024
OTHERS = 0o077


def authorized_keys(path: Path) -> tuple[Key, ...]:
    """Return the public keys in a file like OpenSSH's authorized_keys: one key a line.

    Raises ConfigurationError. It refuses options before a key, because it would not obey them.
    """
    found = []
    for number, line in enumerate(_read_key_file(path, "keys").splitlines(), 1):
        if not line.strip() or line.strip().startswith(b"#"):
            continue
        try:
            key = Key.fromString(line.strip())
            if not key.isPublic():
                raise BadKeyError("private")
        except Exception:
            raise ConfigurationError(
                f"--inspect ssh: keys={shown(str(path))}: line {number} is no public key; options before "
                "a key are not supported"
            ) from None
        found.append(key)
    if not found:
        raise ConfigurationError(f"--inspect ssh: keys={shown(str(path))} has no key in it")
    return tuple(found)


def host_key(path: Path) -> Key:
    """Return the private key in a file. A missing file is created, readable only by its user.

    Raises ConfigurationError.
    """
    if not path.exists():
        _make_host_key(path)
    where = f"--inspect ssh: hostKey={shown(str(path))}"
    try:
        if path.stat().st_mode & OTHERS:
            raise ConfigurationError(f"{where} could be read by others: chmod 600 it")
        key: Key = Key.fromString(_read_key_file(path, "hostKey"))
    except EncryptedKeyError:
        raise ConfigurationError(f"{where} has a passphrase, which nobody could type") from None
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror}") from None
    except ConfigurationError:
        raise
    except Exception:
        raise ConfigurationError(f"{where} is no private key of SSH") from None
    if key.isPublic():
        raise ConfigurationError(f"{where} is a public key; the private one is needed")
    return key


def fingerprint(key: Key) -> str:
    """Return the fingerprint of a key as ssh shows it: `SHA256:…`."""
    return f"SHA256:{key.fingerprint(FingerprintFormats.SHA256_BASE64)}".rstrip("=")


def _make_host_key(path: Path) -> None:
    text = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    try:
        create_file(path, text, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"--inspect ssh: hostKey={shown(str(path))} cannot be made: {error.strerror}"
        ) from None
    log.info("made the host key {path}", path=shown(str(path)))


def _read_key_file(path: Path, name: str) -> bytes:
    try:
        return read_file(path, LARGEST_FILE)
    except ValueError as error:
        raise ConfigurationError(f"--inspect ssh: {name}={shown(str(path))}: {error}") from None
