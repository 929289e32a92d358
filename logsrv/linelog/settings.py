"""The options of `twistd logsrv`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import attrs

from logsrv.kit.net.endpoints import Endpoint, parse_endpoint
from logsrv.kit.net.settings import ConnectionSettings
from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.kinds import DIRECTORY, Kind
from logsrv.linelog.framing.rules import LineRules
from logsrv.linelog.inputs.registry import input_names
from logsrv.linelog.store.policy import StorePolicy

T = TypeVar("T", bound=attrs.AttrsInstance)
# Wire formats that the design has and that this version does not bring.
LATER = ("syslog", "relp", "forward", "gelf", "http")


@attrs.frozen
class Listen:
    """INPUT:ENDPOINT, the value of --listen; `str()` gives its text back."""

    text: str
    input: str
    endpoint: Endpoint

    def __str__(self) -> str:
        return self.text


def parse_listen(text: str) -> Listen:
    """Raises ValueError with what is wrong."""
    word, _, rest = text.partition(":")
    if word in LATER:
        raise ValueError(f"the input {word} comes with a later version; for now there is lines")
    if word in input_names():
        return Listen(text, word, parse_endpoint(rest))
    return Listen(text, "lines", parse_endpoint(text))


def _locate(listen: Listen, directory: Path) -> Listen:
    return attrs.evolve(listen, endpoint=listen.endpoint.located(directory))


LISTEN: Kind[Listen] = Kind(
    parse_listen,
    "[INPUT:]ENDPOINT, such as tcp:1234, udp:514, unix:/run/log.sock or lines:tcp:1234",
    "ENDPOINT",
    locate=_locate,
)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError("not a name")
    return text


NAME: Kind[str] = Kind(_name, "up to 64 letters, digits, dots, dashes and underscores", "NAME")


def _later(text: str) -> str:
    raise ValueError("the live page comes with a later version")


HTTP: Kind[str] = Kind(_later, "nothing yet", "HTTP")


def _part(settings: object, kind: type[T]) -> T:
    """Return what a class among the bases of `settings` declares, and nothing else."""
    names = [field.name for field in attrs.fields(kind)]
    return kind(**{name: getattr(settings, name) for name in names})


@attrs.frozen(kw_only=True, slots=False)
class ListenerSettings(LineRules, ConnectionSettings):
    """A listener with settings of its own."""

    listen: Listen = option(REQUIRED, LISTEN, "where to listen")
    name: str | None = option(None, NAME, "stands before @ in the source of its lines")

    @property
    def label(self) -> str:
        """The name of the listener in logs and metrics."""
        return f"{self.name}@{self.listen}" if self.name else str(self.listen)

    @property
    def line_rules(self) -> LineRules:
        """The same as the framer wants it."""
        return _part(self, LineRules)


@attrs.frozen(kw_only=True, slots=False)
class LoggerSettings(StorePolicy, LineRules, ConnectionSettings):
    """The settings of the line logger, all of them."""

    listen: tuple[Listen, ...] = option(
        ("tcp:1234",), LISTEN, "where to listen, and for which input", repeatable=True
    )
    listener: tuple[ListenerSettings, ...] = tables(
        ListenerSettings, "listeners with settings of their own", shorthand="listen"
    )
    http: str | None = option(None, HTTP, "the live page; comes with a later version")
    directory: Path = option("logs", DIRECTORY, "where the lines are kept")

    @property
    def store_policy(self) -> StorePolicy:
        """The same as the store wants it."""
        return _part(self, StorePolicy)
