"""The options about connections to Gopher servers, which the command `gopher` has under the same names."""

from __future__ import annotations

import os
import re
from pathlib import Path

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.places import pins_path
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.trust import PinStore, Trust
from logsrv.gopher.wire.charset import checked_charset
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import FLAG, PATH, Kind


def _proxy(text: str) -> Proxy:
    try:
        return Proxy.parse(text)
    except ConfigurationError:
        raise ValueError("no SOCKS5 proxy") from None


def _charset(text: str) -> str:
    try:
        return checked_charset(text)
    except ConfigurationError:
        raise ValueError("no character set that is known here") from None


# RFC 6761, 6762, 8375, and what ICANN has set apart in 2024.
_OF_ONE_NETWORK = ("localhost", "local", "internal", "arpa", "lan")

PROXY: Kind[Proxy] = Kind(_proxy, "a SOCKS5 proxy, such as socks5://127.0.0.1:9050", "PROXY")
CHARSET: Kind[str] = Kind(_charset, "a character set, such as cp437", "CHARSET")


@attrs.frozen(kw_only=True, slots=False)
class Connecting:
    """The ways to servers: through what, whom to believe, and what their bytes mean."""

    charset: str | None = option(
        None, CHARSET, "of texts and menus; if left out, each line is UTF-8, else Latin-1"
    )
    proxy: Proxy | None = option(
        None, PROXY, "connect through this; Tor's is socks5://127.0.0.1:9050"
    )
    cafile: Path | None = option(
        None, PATH, "trust the certificates in this file for TLS, not the system's"
    )
    pin: bool = option(False, FLAG, "trust the certificate that a server showed first")
    insecure: bool = option(False, FLAG, "trust every certificate")
    accept_cut: bool = option(False, FLAG, "accept ends without the close of TLS")

    @property
    def trust(self) -> Trust:
        """The same as whoever connects wants it. Raises ConfigurationError for more than one way."""
        pins = PinStore(pins_path(os.environ)) if self.pin else None
        return Trust(self.cafile, pins, self.insecure, self.accept_cut)

    @property
    def as_words(self) -> list[str]:
        """The same on the command line of `gopher`."""
        named = {each.name: getattr(self, each.name) for each in attrs.fields(Connecting)}
        return [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in named.items()
            if value is not None and value is not False
        ]


def is_public_name(host: str) -> bool:
    """Return true if `host` is a name that is not for one network alone, and no resolver takes it for an
    address, in whatever spelling (127.1, 0x7f.1).
    """
    _, dot, last = host.rstrip(".").rpartition(".")
    return bool(dot) and re.match("[a-z]", last) is not None and last not in _OF_ONE_NETWORK
