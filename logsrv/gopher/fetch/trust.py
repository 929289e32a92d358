"""Trust in TLS: the system's authorities, a file of others, a known certificate, anybody."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from pathlib import Path

from logsrv.descriptor import Descriptor
from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.wholefile import whole_file
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.value import Value

TLS_CUT = (
    "the close of TLS is missing, so it was cut on the way or comes from a server that never sends "
    "one (--accept-cut, or Trust(accept_cut=True), accepts its answers)"
)
_PIN = r"(\S+) sha256:([0-9a-f]{64})"


class PinStore:
    """Trust on first use: the certificate a server showed first is the only one it may show.

    One line for each server in a text file that people may edit: `HOST:PORT sha256:HEX`, the SHA-256
    of the certificate in DER.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, address: str, certificate: bytes) -> None:
        """Compare, or remember if the server is new. Raises TLSError if it is another certificate,
        ConfigurationError if the file is not one of pins, OSError.
        """
        pins = self._read()
        shown = hashlib.sha256(certificate).hexdigest()
        if address not in pins:
            pins = self._learned(address, shown)
        if pins[address] != shown:
            raise TLSError(
                address,
                f"its certificate (sha256:{shown}) is not the one that was seen first "
                f"(sha256:{pins[address]}); if the change is known to be right, remove the line of "
                f"{address} from {self._path}",
            )

    def _learned(self, address: str, pin: str) -> dict[str, str]:
        """Return all pins, with one that is new to us; another process may have learned it meanwhile."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        with Descriptor(os.open(self._path.parent, flags)) as directory:
            fcntl.flock(directory, fcntl.LOCK_EX)
            pins = self._read()
            pins.setdefault(address, pin)
            with whole_file(self._path) as file:
                for known, its in pins.items():
                    file.write(f"{known} sha256:{its}\n".encode())
        return pins

    def knows(self, address: str) -> bool:
        """Return true if there is a pin for `HOST:PORT`. Raises ConfigurationError, OSError."""
        return address in self._read()

    def _read(self) -> dict[str, str]:
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            lines = ["?"]
        pins = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = re.fullmatch(_PIN, line.strip())
            if found is None:
                raise ConfigurationError(
                    f"line {number} of {self._path} is not a pin; it would be "
                    "HOST:PORT sha256:HEX, as the client writes it"
                )
            pins[found[1]] = found[2]
        return pins


class Trust(Value):
    """The way a server proves who it is; without anything, by the authorities the system trusts.

    cafile: PEM certificates of the authorities to trust instead. pins: trust on first use.
    insecure: take any certificate. Raises ConfigurationError for more than one of them.

    accept_cut: take an end without the close of TLS for a good one. Without, it is Truncated, as
    anybody on the way could have made it (RFC 8446, section 6.1); but pygopherd never sends another.
    """

    cafile: Path | None = None
    pins: PinStore | None = None
    insecure: bool = False
    accept_cut: bool = False

    def __post_init__(self) -> None:
        if (self.cafile is not None) + (self.pins is not None) + self.insecure > 1:
            raise ConfigurationError(
                "a CA file, pins and no check at all are three ways to trust a server; choose one"
            )

    @property
    def by_authority(self) -> bool:
        """Return true if the handshake itself has to check the certificate."""
        return self.pins is None and not self.insecure
