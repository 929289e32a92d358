"""The URL of a target; its scheme selects the protocol that sends the lines (no I/O)."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import attrs

from logsrv.kit.text.words import did_you_mean, host_text, listed
from logsrv.linelog.formats.nats.place import PORT, STREAM
from logsrv.linelog.store.archive.url import parse_archive_url

LONGEST = 4096
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a target. It has no dot: names with a dot are files beside the target's place."""
BEGINNING, END = "beginning", "end"
"""Words for the place where a new target begins, which may also be given as a position."""


@attrs.frozen(kw_only=True)
class Scheme:
    """A protocol that sends lines.

    takes: the unit that is sent. maker: module and name, below `logsrv.linelog.ship`, of the target's
    class. tls: whether the connection is encrypted. port: the default port; None if the URL must name one.
    extra: the extra of logsrv that has the required package; "" for none. names: the thing that the path of
    the URL names; "" for none of these.
    """

    maker: str
    takes: Literal["lines", "blocks", "segments"] = "lines"
    tls: bool = False
    port: int | None = None
    extra: str = ""
    names: Literal["", "stream", "topic", "index"] = ""


def _scheme_pair(
    plain: str, encrypted: str, ports: tuple[int | None, int | None], maker: str, **more: Any
) -> dict[str, Scheme]:
    """Return the two schemes of a protocol, unencrypted and over TLS, each with its port."""
    return {
        plain: Scheme(maker=maker, port=ports[0], **more),
        encrypted: Scheme(maker=maker, port=ports[1], tls=True, **more),
    }


_WEB = 80, 443
_ARCHIVE = "targets.archive.ArchiveTarget"
_STREAM: dict[str, Any] = {"takes": "blocks", "extra": "nats", "names": "stream"}
SCHEMES = {
    **_scheme_pair("http", "https", _WEB, "targets.centre.CentreTarget", takes="blocks"),
    "file": Scheme(maker=_ARCHIVE, takes="segments"),
    **dict.fromkeys(("s3", "gs", "az"), Scheme(maker=_ARCHIVE, takes="segments", extra="archive")),
    **_scheme_pair("nats", "nats+tls", (PORT, PORT), "targets.nats.JetStreamTarget", **_STREAM),
    **_scheme_pair(
        "kafka",
        "kafka+tls",
        (9092, 9093),
        "targets.kafka.KafkaTarget",
        extra="kafka",
        names="topic",
    ),
    **_scheme_pair("relp", "relp+tls", (None, None), "targets.relp.RelpTarget"),
    # RFC 6587 names no port, and 514 is usual. RFC 5425 section 4.1 names 6514.
    **_scheme_pair("syslog", "syslog+tls", (514, 6514), "targets.syslog.SyslogTarget"),
    **_scheme_pair("loki+http", "loki+https", _WEB, "targets.posting.LokiTarget"),
    **_scheme_pair("otlp+http", "otlp+https", _WEB, "targets.posting.OtlpTarget"),
    **_scheme_pair("es+http", "es+https", _WEB, "targets.bulk.ElasticsearchTarget", names="index"),
    **_scheme_pair("ndjson+http", "ndjson+https", _WEB, "targets.posting.NdjsonTarget"),
}
BLOCKS = "/blocks"
"""The end of every URL path that accepts blocks over HTTP."""
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")


@attrs.frozen
class ShipURL:
    """The address of a target; `str()` gives its text back.

    host, port: "" and 0 for a directory, the name and 0 for a bucket. path: begins with a slash, or is
    empty. query: the part after the question mark. others: hosts and ports of further servers.
    """

    text: str
    scheme: str
    host: str
    port: int
    path: str
    query: str = ""
    others: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def takes(self) -> Literal["lines", "blocks", "segments"]:
        """The unit that is sent to the target."""
        return SCHEMES[self.scheme].takes

    @property
    def is_nats_stream(self) -> bool:
        """True for a stream of NATS."""
        return SCHEMES[self.scheme].names == "stream"

    @property
    def is_bucket(self) -> bool:
        """True for a bucket of an object store."""
        return self.takes == "segments" and bool(self.host)

    @property
    def environment_variables(self) -> tuple[str, ...]:
        """The environment variables that the target's process needs besides those of every child."""
        return (
            parse_archive_url(self.text).environment_variables if self.takes == "segments" else ()
        )

    @property
    def tls(self) -> bool:
        """True if the connection is encrypted."""
        return SCHEMES[self.scheme].tls

    @property
    def query_parameters(self) -> dict[str, str]:
        """The pairs `name=value` after the question mark; if a name is repeated, the last pair counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def netloc(self) -> str:
        """`host:port`, as in a Host header; several are joined by commas."""
        return ",".join(host_text(host, port) for host, port in self.servers)

    @property
    def servers(self) -> tuple[tuple[str, int], ...]:
        """All hosts with their ports."""
        return ((self.host, self.port), *self.others)

    @property
    def loggable_url(self) -> str:
        """The part that may be logged: no query, and a path only of an archive; others may be secret."""
        if self.takes == "segments":
            return f"{self.scheme}://{self.host}{self.path}"
        return f"{self.scheme}://{self.netloc}"

    @property
    def default_name(self) -> str:
        """The name of a target that the operator has not named, such as `relp-logs-example-org-2514`."""
        where = f"{self.host}{self.path}" if self.takes == "segments" else self.netloc
        return re.sub(r"[^A-Za-z0-9_]+", "-", f"{self.scheme}-{where}")[:64].strip("-")


def parse_ship_url(text: str) -> ShipURL:
    """Return the address in a text. Raises ValueError, whose message says what is wrong."""
    # A URL has to percent-encode all other characters.
    if not re.fullmatch(rf"[!-~]{{1,{LONGEST}}}", text):
        raise ValueError("not a URL: only printable ASCII characters without spaces can be in one")
    word, found, rest = text.partition("://")
    if not found:
        raise ValueError("not a URL: it has no ://")
    scheme = SCHEMES.get(word.lower())
    if scheme is None:
        hint = did_you_mean(word.lower(), list(SCHEMES))
        raise ValueError(f"unknown scheme{hint}; known are {listed(sorted(SCHEMES))}")
    if scheme.takes == "segments":
        there = parse_archive_url(text)
        return ShipURL(text, word, there.bucket, 0, there.path, urlsplit(text).query)
    # urlsplit refuses several hosts if any but the first is an IPv6 address.
    hosts = re.split("[/?#]", rest, maxsplit=1)[0]
    names = hosts.split(",")
    parts = urlsplit(f"{word}://host{rest.removeprefix(hosts)}")
    if len(names) > 1 and scheme.names not in ("stream", "topic"):
        raise ValueError("names several hosts, which only NATS and Kafka may have")
    (host, port), *others = [_host_and_port(word, one, scheme) for one in names]
    if parts.fragment:
        raise ValueError("has a # in it, and the part after it is never sent")
    blocks = scheme.takes == "blocks"
    path = parts.path.rstrip("/") if blocks else parts.path
    if scheme.names == "stream" and not STREAM.fullmatch(path.removeprefix("/")):
        raise ValueError(f"names no stream, such as {word}://{host}/LOGS")
    if scheme.names == "index" and not path.strip("/"):
        raise ValueError(f"names no index, such as {word}://{host}/logs-logsrv-default")
    if scheme.names == "topic" and not _TOPIC.fullmatch(path.removeprefix("/")):
        raise ValueError(f"names no topic, such as {word}://{host}/logs")
    if blocks and scheme.names != "stream" and not path.endswith(BLOCKS):
        raise ValueError(
            f"the path of a centre ends in {BLOCKS}; lines as JSON go by ndjson+{word}://…"
        )
    return ShipURL(text, word.lower(), host, port, path, parts.query, tuple(others))


def _host_and_port(word: str, text: str, scheme: Scheme) -> tuple[str, int]:
    """Return host and port. Raises ValueError, whose message says what is wrong."""
    parts = urlsplit(f"{word}://{text}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a name or a password in it; put a token into a --ship-token-file")
    if not parts.hostname:
        raise ValueError("names no host")
    try:
        port = scheme.port if parts.port is None else parts.port
    except ValueError:
        raise ValueError("its port is no number from 1 to 65535") from None
    if not port:
        raise ValueError(f"names no port, such as {word}://{parts.hostname}:2514")
    return parts.hostname, port
