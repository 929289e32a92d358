"""Answers that the command reads: a server's, or what is on this machine."""

from __future__ import annotations

from logsrv.gopher.fetch.blocking import urlopen
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.fetch.blocking import GopherFile
    from logsrv.gopher.fetch.settings import ConnectionOptions
    from logsrv.gopher.local.answer import LocalAnswer
    from logsrv.gopher.local.fileurl import ItemURL


def opened(
    url: ItemURL, connection: ConnectionOptions, most_bytes: int | None, most_seconds: float
) -> GopherFile | LocalAnswer:
    """Ask for `url`, and return the answer as it is sent. Raises GopherError, ConfigurationError."""
    if not isinstance(url, GopherURL):
        from logsrv.gopher.local.answer import LocalAnswer

        return LocalAnswer(url, most_bytes)
    return urlopen(
        url,
        connection.timeouts.between,
        trust=connection.trust,
        most_bytes=most_bytes,
        most_seconds=most_seconds,
        proxy=connection.proxy,
        as_sent=True,
    )
