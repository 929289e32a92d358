"""Settings of a fetch: limits, proxy, trust in TLS (the system's authorities, a file of
others, a pinned certificate, or any certificate).

Also the directory of a user's pins and bookmarks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.wholefile import locked_folder, write_whole
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.value import Value

if TYPE_CHECKING:
    from ssl import SSLContext


TLS_CUT = (
    "the close of TLS is missing, so it was cut on the way or comes from a server that never sends "
    "one (--accept-cut, or Trust(accept_cut=True), accepts its answers)"
)
_PIN = r"(\S+) sha256:([0-9a-f]{64})"


def data_directory(environ: Mapping[str, str]) -> str:
    """Return the directory of bookmarks and pins: below XDG_DATA_HOME if that is absolute, else
    ~/.local/share.

    Raises ConfigurationError if there is no home directory.
    """
    home = environ.get("XDG_DATA_HOME", "")
    base = home if home.startswith("/") else os.path.expanduser("~/.local/share")
    if base.startswith("~"):
        raise ConfigurationError("you have no home directory here; set HOME, or XDG_DATA_HOME")
    return os.path.join(base, "logsrv")


def pins_path(environ: Mapping[str, str]) -> str:
    """Return the file of pins, which `--pin` and the browser use."""
    return os.path.join(data_directory(environ), "gopher-pins")


class PinStore:
    """Trust on first use: a server must always show the certificate that it showed first.

    A text file that people may edit, one line for each server: `HOST:PORT sha256:HEX`, the SHA-256 of the
    certificate in DER.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    def check_or_pin(self, address: str, shown: str) -> None:
        """Compare the SHA-256 `shown` (hex) with the pin of `address`; pin it if the server is new.

        Raises TLSError if the pin differs, ConfigurationError if a line of the file is not a pin, OSError.
        """
        pins = self._read_pins()
        if address not in pins:
            pins = self._add_pin(address, shown)
        if pins[address] != shown:
            raise TLSError(
                address,
                f"its certificate (sha256:{shown}) is not the one that was seen first "
                f"(sha256:{pins[address]}); if the change is known to be right, remove the line of "
                f"{address} from {self._path}",
            )

    def _add_pin(self, address: str, pin: str) -> dict[str, str]:
        """Add a pin under the lock; return all pins.

        Another process may have added one for the same server before.
        """
        with locked_folder(os.path.dirname(self._path) or "."):
            pins = self._read_pins()
            pins.setdefault(address, pin)
            lines = [f"{known} sha256:{its}\n" for known, its in pins.items()]
            write_whole(self._path, "".join(lines).encode())
        return pins

    def has_pin(self, address: str) -> bool:
        """Return true if there is a pin for `HOST:PORT`. Raises ConfigurationError, OSError."""
        return address in self._read_pins()

    def _read_pins(self) -> dict[str, str]:
        try:
            with open(self._path, encoding="utf-8") as file:
                lines = file.read().splitlines()
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
    """The way a server proves its identity; by default a certificate from an authority the system trusts.

    cafile: PEM certificates of the authorities to trust instead. pins: trust on first use. insecure:
    whether to accept any certificate. Raises ConfigurationError for more than one of them.

    accept_cut: whether to accept an answer without TLS's close as complete. By default it is Truncated,
    because an attacker can cut a connection there (RFC 8446, section 6.1). But pygopherd never
    sends the close.
    """

    cafile: str | os.PathLike[str] | None = None
    pins: PinStore | None = None
    insecure: bool = False
    accept_cut: bool = False

    def __post_init__(self) -> None:
        if (self.cafile is not None) + (self.pins is not None) + self.insecure > 1:
            raise ConfigurationError(
                "a CA file, pins and no check at all are three ways to trust a server; choose one"
            )

    @property
    def checks_authority(self) -> bool:
        """Return true if TLS itself checks the certificate: without pins and `insecure`."""
        return self.pins is None and not self.insecure


class ConnectionOptions(Value):
    """The way to fetch: limits, trust in certificates, and the proxy.

    charset (see `checked_charset`): of the servers' error messages.
    """

    limits: Limits = Limits()
    trust: Trust = Trust()
    proxy: Proxy | None = None
    charset: str | None = None

    @cached_property
    def tls_context(self) -> SSLContext:
        """Return the TLS context for `trust`. Raises ConfigurationError for a wrong CA file."""
        # Only here is `ssl` loaded: that takes as long as the rest of the start, and most URLs are without
        # TLS.
        import ssl

        trust = self.trust
        try:
            context = ssl.create_default_context(cafile=trust.cafile)
        except OSError as error:
            fault = f"cannot be read: {error.strerror or error}"
            if isinstance(error, ssl.SSLError):
                fault = f"cannot be read: {error}"
                if error.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
                    fault = "has no certificate in PEM format"
            raise ConfigurationError(f"the CA file {trust.cafile} {fault}") from error
        # Before Python 3.11.4, OpenSSL would report a connection that was cut as one that was closed.
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        if not trust.checks_authority:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class PinnedConnections:
    """A user's connections: trust by pin for servers that the user decided to trust, else the usual trust.

    newly_trusted: servers the user decided to trust now: the next certificate they show is pinned.
    """

    def __init__(
        self, environ: Mapping[str, str], options: ConnectionOptions | None = None
    ) -> None:
        """environ: names the directory of the pins. options: how to connect to servers without a pin."""
        self._options = options or ConnectionOptions()
        self._pins = PinStore(pins_path(environ))
        self.newly_trusted: set[str] = set()

    def options_for(self, url: ItemURL, *, accept_cut: bool = False) -> ConnectionOptions:
        """Return the options of a connection to `url`. Raises ConfigurationError, OSError.

        accept_cut: whether to accept an end without TLS's close.
        """
        trust = self._options.trust
        if (
            isinstance(url, GopherURL)
            and url.tls
            and (url.address in self.newly_trusted or self._pins.has_pin(url.address))
        ):
            trust = Trust(pins=self._pins)
        if accept_cut:
            trust = trust.replace(accept_cut=True)
        return self._options.replace(trust=trust)
