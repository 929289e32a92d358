"""The leaves of the line logger: folders that nothing outside them imports, so that they can be taken away.

A table of plugins finds each of them, as it would find a stranger's: the inputs, the targets, the commands.
With a folder away, all else works, and `logsrv plugins`, `logsrv check` and the sentence about a name that
was asked for say what is missing, by this list: an entry stays when its folder goes. With a folder go its
tests (`tests/linelog/NAME`), and cases of others that name it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

_HERE = os.path.dirname(__file__)


class Leaf(NamedTuple):
    """A folder of `linelog` that can be taken away.

    gives: what is missing without it. inputs: its names for `--listen`. schemes: those of its URLs for
    `--ship`. commands: those of `logsrv`. options: the names of those of `twistd logsrv` and of its tables.
    paths: those of the API.
    """

    folder: str
    gives: str
    inputs: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return f"logsrv.linelog.{self.folder.replace('/', '.')}"

    def absence_of(self, what: str) -> str:
        """Return the sentence for someone who asks for a part of the leaf after it has been taken away.

        what: a kind and a name, such as "target kafka".
        """
        return f"there is no {what}: {self.module} was taken away"


_OF_ALERTS = (
    *("alert", "alerts", "alert-command", "alert-variable", "alert-webhook", "alert-format"),
    *("alert-page", "alert-every", "alert-resolved", "alert-saved"),
)
_PATHS_OF_ALERTS = ("/api/alerts", "/api/silences", "/api/would_fire")
_OF_HTTP = (
    *("http", "http-token", "http-token-file", "http-any-user", "http-host", "http-searches"),
    *("http-search-time", "saved", "audit", "reader", "http-user-header", "http-proxy-secret-file"),
)

LEAVES = (
    Leaf("alerts", "alerts", commands=("alert",), options=_OF_ALERTS, paths=_PATHS_OF_ALERTS),
    Leaf("archive", "the archive in a directory or a bucket", schemes=("file", "s3", "gs", "az")),
    Leaf("backup", "the command backup, and restoring a backup", commands=("backup",)),
    Leaf("doctor", "the commands doctor and reindex", commands=("doctor", "reindex")),
    Leaf("erase", "the command erase", commands=("erase",)),
    Leaf(
        "formats/blocks", "the input blocks, and centres as targets", ("blocks",), ("http", "https")
    ),
    Leaf(
        "formats/bulk",
        "Elasticsearch's bulk requests over HTTP, and the target es",
        schemes=("es+http", "es+https"),
    ),
    Leaf("formats/forward", "the input forward", ("forward",)),
    Leaf("formats/gelf", "the input gelf", ("gelf",)),
    Leaf("formats/hec", "Splunk's event collector over HTTP"),
    Leaf("formats/http", "the input http", ("http",)),
    Leaf("formats/journal", "the input journal", ("journal",)),
    Leaf("formats/kafka", "the target kafka", schemes=("kafka", "kafka+tls")),
    Leaf(
        "formats/loki",
        "Loki's pushes over HTTP, and the target loki",
        schemes=("loki+http", "loki+https"),
    ),
    Leaf("formats/lumberjack", "the input lumberjack", ("lumberjack",)),
    Leaf("formats/nats", "the input and the target nats", ("nats",), ("nats", "nats+tls")),
    Leaf(
        "formats/ndjson",
        "JSON lines over HTTP, and the target ndjson",
        schemes=("ndjson+http", "ndjson+https"),
    ),
    Leaf(
        "formats/otlp",
        "OpenTelemetry over HTTP, and the target otlp",
        schemes=("otlp+http", "otlp+https"),
    ),
    Leaf("formats/python", "the input python", ("python",)),
    Leaf("formats/relp", "the input and the target relp", ("relp",), ("relp", "relp+tls")),
    Leaf(
        "formats/syslog", "the input and the target syslog", ("syslog",), ("syslog", "syslog+tls")
    ),
    Leaf("http", "the live page and the API", commands=("open", "token"), options=_OF_HTTP),
    Leaf("importing", "the command import", commands=("import",)),
    Leaf(
        "lake",
        "the target lake",
        schemes=("lake+file", "lake+s3", "lake+gs", "lake+az"),
    ),
    Leaf("sql", "the command sql", commands=("sql",)),
)


def require_input(name: str) -> None:
    """Raise ValueError if the input of a name was taken away."""
    for leaf in missing_leaves():
        if name in leaf.inputs:
            raise ValueError(leaf.absence_of(f"input {name}"))


def require_scheme(scheme: str) -> None:
    """Raise ValueError if the target with a scheme was taken away."""
    for leaf in missing_leaves():
        if scheme in leaf.schemes:
            raise ValueError(leaf.absence_of(f"target {scheme}"))


def require_source(scheme: str) -> None:
    """Raise ValueError if the reader of archives at URLs with a scheme was taken away."""
    for leaf in missing_leaves():
        if scheme in leaf.schemes:
            raise ValueError(leaf.absence_of(f"reader of {scheme}: archives"))


def absence_of_command(name: str) -> str:
    """Return the sentence about a command that was taken away; "" if it is here, or never was."""
    found = (leaf for leaf in missing_leaves() if name in leaf.commands)
    return next((leaf.absence_of(f"command {name}") for leaf in found), "")


def missing_leaves() -> Iterator[Leaf]:
    """Yield the leaves that have been taken away."""
    for leaf in LEAVES:
        # A folder that pip has left behind has no file.
        if not os.path.isfile(os.path.join(_HERE, leaf.folder, "__init__.py")):
            yield leaf
