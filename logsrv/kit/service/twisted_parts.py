"""The private parts of Twisted that logsrv uses, and the check of a Twisted that is newer than the tested
ones.

A name that begins with `_` may go in any release of Twisted. So setup.cfg has an upper bound, and whoever
passes it (`pip --no-deps`, another package's Twisted) gets a warning at the start; if a part is missing, a
sentence instead of a traceback. With a Twisted that was tested, the check costs a comparison. A test finds
the uses in the code and compares them with PARTS, and PARTS with the page of dependencies.

It is apart from `launch`, which imports such parts itself.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from twisted.application.service import ServiceMaker

import twisted
from logsrv import __version__
from logsrv.errors import StartError
from logsrv.first_process import end_at_stop
from logsrv.installation import this_installation

TESTED = (26, 10)
"""The newest Twisted that the tests have run with."""

PARTS = {
    "twisted.internet.tcp": ("_reservedFD",),
    "twisted.internet.tcp:Port": (
        *("_addressType", "_buildAddr", "_fromListeningDescriptor", "_getLogPrefix"),
        "_realPortNumber",
    ),
    "twisted.internet.abstract:FileDescriptor": (
        *("_isSendBufferFull", "_postLoseConnection", "_tempDataBuffer", "_tempDataLen"),
        *("_writeDisconnected", "_writeDisconnecting"),
    ),
    "twisted.internet.posixbase:PosixReactorBase": ("_disconnectSelectable",),
    "twisted.internet.epollreactor:EPollReactor": ("_poller", "_selectables", "_doReadOrWrite"),
    "twisted.internet.endpoints": ("_SystemdParser", "_WrappingProtocol"),
    "twisted.internet.endpoints:_SystemdParser": ("_sddaemon",),
    "twisted.internet.endpoints:_WrappingProtocol": ("_wrappedProtocol",),
    "twisted.internet.endpoints:SSL4ServerEndpoint": ("_sslContextFactory",),
    "twisted.internet.task:Clock": ("_sortCalls",),
    "twisted.internet.unix:Server": ("_sendmsgQueue",),
    "twisted.logger:FileLogObserver": ("_outFile",),
    "twisted.logger:LogPublisher": ("_observers",),
    "twisted.protocols.tls:TLSMemoryBIOFactory": ("_clock",),
    "twisted.protocols.tls:TLSMemoryBIOProtocol": (
        *("_appSendBuffer", "_checkHandshakeStatus", "_flushReceiveBIO", "_flushSendBIO"),
        *("_handshakeDone", "_lostTLSConnection", "_producer", "_shutdownTLS"),
        *("_tlsConnection", "_tlsShutdownFinished"),
    ),
    "twisted.python.logfile:LogFile": ("_openFile",),
    "twisted.python.systemd:ListenFDs": ("_START", "_names"),
    "twisted.scripts._twistd_unix": ("UnixAppLogger", "UnixApplicationRunner"),
    "twisted.scripts._twistd_unix:UnixAppLogger": ("_getLogObserver",),
    "twisted.scripts._twistd_unix:UnixApplicationRunner": ("_waitForStart",),
    "twisted.web._newclient": ("HTTP11ClientProtocol", "ParseError"),
    "twisted.web.client": ("_HTTP11ClientFactory",),
    "twisted.web.client:_HTTP11ClientFactory": ("_quiescentCallback",),
    "twisted.web.client:HTTPConnectionPool": ("_factory",),
    "twisted.web.http": ("_ChunkedTransferDecoder",),
    "twisted.web.http:HTTPChannel": (
        *("_command", "_dataBuffer", "_path", "_respondToBadRequestAndDisconnect"),
        *("_transferDecoder", "_version"),
    ),
}
"""The names of these private parts, by their module or class. Those of a class are methods, or attributes
of its instances.
"""


def why_unknown(version: str = twisted.__version__) -> str:
    """Return a warning if Twisted is newer than the tested one, else ""."""
    numbers = re.findall(r"\d+", version)
    if tuple(map(int, numbers[:2])) <= TESTED:
        return ""
    return (
        f"Twisted {version} is newer than {TESTED[0]}.{TESTED[1]}, the newest that logsrv"
        f" {__version__} was tested with: {_remedy()}"
    )


def require_private_parts(version: str = twisted.__version__) -> None:
    """Raise StartError if Twisted is newer than the tested one, and lacks a private part that logsrv
    uses.
    """
    if not why_unknown(version):
        return
    lacking = missing_parts()
    if lacking:
        raise StartError(
            f"Twisted {version} lacks {lacking[0]}, which logsrv {__version__} uses: {_remedy()}"
        )


def _remedy() -> str:
    major, minor = TESTED
    older = this_installation().installing(f"Twisted[tls]<{major}.{minor + 1}")
    return f"update logsrv, or run: {older}"


def missing_parts() -> list[str]:
    """Return the dotted names of all parts that the installed Twisted lacks."""
    return [
        f"{place.replace(':', '.')}.{name}"
        for place, names in PARTS.items()
        for name in names
        if not _has(place, name)
    ]


def _has(place: str, name: str) -> bool:
    module_name, _, class_name = place.partition(":")
    try:
        found: Any = import_module(module_name)
        if class_name:
            found = getattr(found, class_name)
    except (ImportError, AttributeError):
        return False
    return hasattr(found, name) or (bool(class_name) and _is_used(found, name))


def _is_used(owner: type, name: str) -> bool:
    """Return whether a class or one of its bases names this attribute in its methods.

    An instance has attributes that the class itself lacks.
    """
    functions = (value for base in owner.__mro__ for value in vars(base).values())
    codes = (getattr(function, "__code__", None) for function in functions)
    return any(code is not None and name in code.co_names for code in codes)


class CheckedServiceMaker(ServiceMaker):  # type: ignore[misc]
    """The plugin of a service whose modules use private parts of Twisted."""

    @property
    def options(self) -> Any:
        """Return the class of the options. Raises StartError if Twisted lacks a part."""
        end_at_stop()
        require_private_parts()
        return super().options
