"""The Gopher client. From the wire upwards:

    wire                       Gopher as bytes and text: URLs, menus, texts, Gopher+, answers (no I/O)
    errors, limits, trust      what can go wrong, how long and how much, whom to believe
    proxy                      SOCKS5, Tor
    exchange, connect, client  GopherClient, on Twisted
    blocking, urllib_handler   urlopen, urlretrieve, urllib's GopherHandler, on a plain socket

The names below are loaded when they are first used: whoever calls `urlopen` never imports Twisted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logsrv.gopher.blocking import GopherFile as GopherFile
    from logsrv.gopher.blocking import urlopen as urlopen
    from logsrv.gopher.blocking import urlretrieve as urlretrieve
    from logsrv.gopher.client import Download as Download
    from logsrv.gopher.client import GopherClient as GopherClient
    from logsrv.gopher.client import GopherResponse as GopherResponse
    from logsrv.gopher.errors import BadURL as BadURL
    from logsrv.gopher.errors import GopherError as GopherError
    from logsrv.gopher.errors import NotGopher as NotGopher
    from logsrv.gopher.errors import ProxyError as ProxyError
    from logsrv.gopher.errors import Refused as Refused
    from logsrv.gopher.errors import ServerError as ServerError
    from logsrv.gopher.errors import TimedOut as TimedOut
    from logsrv.gopher.errors import TLSError as TLSError
    from logsrv.gopher.errors import TooBig as TooBig
    from logsrv.gopher.errors import Truncated as Truncated
    from logsrv.gopher.errors import UnknownHost as UnknownHost
    from logsrv.gopher.limits import Limits as Limits
    from logsrv.gopher.limits import Timeouts as Timeouts
    from logsrv.gopher.proxy import Proxy as Proxy
    from logsrv.gopher.trust import PinStore as PinStore
    from logsrv.gopher.trust import Trust as Trust
    from logsrv.gopher.urllib_handler import GopherHandler as GopherHandler
    from logsrv.gopher.urllib_handler import install_opener as install_opener
    from logsrv.gopher.wire.menu import Menu as Menu
    from logsrv.gopher.wire.menu import MenuItem as MenuItem
    from logsrv.gopher.wire.text import Text as Text
    from logsrv.gopher.wire.url import GopherURL as GopherURL

_WHERE = {
    "GopherClient": "client",
    "GopherResponse": "client",
    "Download": "client",
    "Proxy": "proxy",
    "Limits": "limits",
    "Timeouts": "limits",
    "Menu": "wire.menu",
    "MenuItem": "wire.menu",
    "Text": "wire.text",
    "PinStore": "trust",
    "Trust": "trust",
    "GopherURL": "wire.url",
    "GopherFile": "blocking",
    "urlopen": "blocking",
    "urlretrieve": "blocking",
    "GopherHandler": "urllib_handler",
    "install_opener": "urllib_handler",
    "BadURL": "errors",
    "GopherError": "errors",
    "NotGopher": "errors",
    "ProxyError": "errors",
    "Refused": "errors",
    "ServerError": "errors",
    "TLSError": "errors",
    "TimedOut": "errors",
    "TooBig": "errors",
    "Truncated": "errors",
    "UnknownHost": "errors",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
