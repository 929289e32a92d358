"""The Gopher client. From the wire upwards:

    wire      Gopher as bytes and text: URLs, menus, texts, Gopher+, answers, errors (no I/O)
    fetch     how an answer gets here: `GopherClient` on Twisted, `urlopen` on a plain socket
    local     files and directories of this machine as menus
    follow    addresses that are kept, and what is new there
    browse    the full-screen browser
    mirror    copies of servers
    serve     a small Gopher server
    gateway   gopherspace for web browsers
    command   the command `gopher`
    service   `twistd gopher`; `twistd gopherd` is in `serve`

The names below are loaded when they are first used: whoever calls `urlopen` never imports Twisted.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.fetch.blocking import GopherFile as GopherFile
    from logsrv.gopher.fetch.blocking import urlopen as urlopen
    from logsrv.gopher.fetch.blocking import urlretrieve as urlretrieve
    from logsrv.gopher.fetch.client import Download as Download
    from logsrv.gopher.fetch.client import GopherClient as GopherClient
    from logsrv.gopher.fetch.client import GopherResponse as GopherResponse
    from logsrv.gopher.fetch.proxy import Proxy as Proxy
    from logsrv.gopher.fetch.settings import Limits as Limits
    from logsrv.gopher.fetch.settings import Timeouts as Timeouts
    from logsrv.gopher.fetch.trust import PinStore as PinStore
    from logsrv.gopher.fetch.trust import Trust as Trust
    from logsrv.gopher.fetch.urllib_handler import GopherHandler as GopherHandler
    from logsrv.gopher.fetch.urllib_handler import install_opener as install_opener
    from logsrv.gopher.wire.errors import BadURL as BadURL
    from logsrv.gopher.wire.errors import GopherError as GopherError
    from logsrv.gopher.wire.errors import NotGopher as NotGopher
    from logsrv.gopher.wire.errors import ProxyError as ProxyError
    from logsrv.gopher.wire.errors import Refused as Refused
    from logsrv.gopher.wire.errors import ServerError as ServerError
    from logsrv.gopher.wire.errors import TimedOut as TimedOut
    from logsrv.gopher.wire.errors import TLSError as TLSError
    from logsrv.gopher.wire.errors import TooBig as TooBig
    from logsrv.gopher.wire.errors import Truncated as Truncated
    from logsrv.gopher.wire.errors import UnknownHost as UnknownHost
    from logsrv.gopher.wire.menu import Menu as Menu
    from logsrv.gopher.wire.menu import MenuItem as MenuItem
    from logsrv.gopher.wire.text import Text as Text
    from logsrv.gopher.wire.url import GopherURL as GopherURL

_MODULES = {
    "fetch.blocking": "GopherFile urlopen urlretrieve",
    "fetch.client": "Download GopherClient GopherResponse",
    "fetch.proxy": "Proxy",
    "fetch.settings": "Limits Timeouts",
    "fetch.trust": "PinStore Trust",
    "fetch.urllib_handler": "GopherHandler install_opener",
    "wire.errors": (
        "BadURL GopherError NotGopher ProxyError Refused ServerError TLSError TimedOut TooBig Truncated "
        "UnknownHost"
    ),
    "wire.menu": "Menu MenuItem",
    "wire.text": "Text",
    "wire.url": "GopherURL",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(__import__(f"{__name__}.{_HOME[name]}", fromlist=[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
