"""Gopher: client, browser, mirror, gateway and server. The packages, each above those that it uses:

    wire      Gopher as bytes and text: URLs, menus, texts, Gopher+, answers, errors (no I/O)
    serve     directories of this machine as menus, and a small server for them
    fetch     fetches answers: `GopherClient` on Twisted, `urlopen` on a plain socket, files of this machine
    follow    bookmarks, and news of followed menus
    browse    the full-screen browser
    mirror    copies of servers
    gateway   gopherspace for web browsers
    command   the command `gopher`
    service   `twistd gopher`; `twistd gopherd` is in `serve`

The names below are loaded when they are first used: `urlopen` never imports Twisted.
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
__all__ = __dir__()
