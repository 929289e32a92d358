"""The options of `twistd logsrv`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy, PeerLimits
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.net.endpoint import ARGUMENTS, Endpoint
from logsrv.kit.net.parse import located_endpoint, parse_endpoint
from logsrv.kit.options.declare import REQUIRED, option, tables
from logsrv.kit.options.kinds import FLAG, NAME, NEW_DIRECTORY, SIZE, Kind, integer
from logsrv.kit.text.words import listed, nearest_word, shown
from logsrv.kit.web.access import is_loopback
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.intake.filter_options import FilterOptions
from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.leaves import LEAVES, missing_leaves, require_input
from logsrv.linelog.lines.rules import LineRules
from logsrv.linelog.parts.registry import compose_options, find_parts
from logsrv.linelog.plugin.retention_settings import RetentionSettings, require_fitting_rules
from logsrv.linelog.store.policy import StorePolicy

T = TypeVar("T", bound=attrs.AttrsInstance)

PORTS = ("syslog:udp:514", "syslog:tcp:514")
"""The ports of --classic-syslog."""


@attrs.frozen
class InputEndpoint:
    """INPUT:ENDPOINT, the value of --listen; `str()` gives its text back."""

    text: str
    input: str
    endpoint: Endpoint

    def __str__(self) -> str:
        return self.text

    @property
    def label(self) -> str:
        """The text without the files of certificates, for metrics and the log."""
        return inputs().format_of(self.input).label(self.text, self.endpoint)


def parse_listen(text: str) -> InputEndpoint:
    """Return the value of a --listen. Raises ValueError with one sentence."""
    word, _, rest = text.partition(":")
    if word in inputs():
        return InputEndpoint(text, word, inputs().format_of(word).parse_endpoint(rest))
    require_input(word)
    try:
        return InputEndpoint(text, "lines", parse_endpoint(text))
    except ValueError:
        types = {*ARGUMENTS, "haproxy"}
        if word in types or rest.partition(":")[0] not in types:
            raise
    if inputs().broken:
        # The word may name the input of a broken plugin. Such listeners are left out, see below.
        return InputEndpoint(text, word, parse_endpoint(rest))
    known = sorted(inputs())
    hint = f"did you mean {near}? " if (near := nearest_word(word, known)) else ""
    raise ValueError(f"{shown(word)} is no input; {hint}known are {listed(known)}")


def _resolve_in_directory(listen: InputEndpoint, directory: Path) -> InputEndpoint:
    return attrs.evolve(listen, endpoint=located_endpoint(listen.endpoint, directory))


LISTEN: Kind[InputEndpoint] = Kind(
    parse_listen,
    "[INPUT:]ENDPOINT, such as tcp:1234, udp:514, unix:/run/log.sock or lines:tcp:1234",
    "ENDPOINT",
    locate=_resolve_in_directory,
)


def _options_of_base(settings: object, kind: type[T]) -> T:
    """Return the options of `settings` that its base class `kind` declares."""
    names = [field.name for field in attrs.fields(kind)]
    return kind(**{name: getattr(settings, name) for name in names})


@attrs.frozen(kw_only=True, slots=False)
class ListenerSettings(LineRules, FilterOptions, InputOptions, PeerLimits, GuardPolicy):
    """The settings of one listener. An option that its table leaves out has the general value."""

    listen: InputEndpoint = option(REQUIRED, LISTEN, "listen here")
    name: str | None = option(None, NAME, "stands before @ in the source of its lines")

    @property
    def label(self) -> str:
        """The name of the listener in logs and metrics."""
        return f"{self.name}@{self.listen.label}" if self.name else self.listen.label

    @property
    def without_use(self) -> dict[str, str]:
        """The options that its input would not use, each with the --listen that would use it.

        Empty for an input of a plugin.
        """
        return unused_options([self])

    @property
    def unfit_values(self) -> dict[str, str]:
        """A sentence about --max-record if it is less than --max-line."""
        return unfit_limits(self)

    @property
    def protected_by(self) -> frozenset[str]:
        """The options without which it takes what another listener refuses or masks.

        Not --drop, which is mostly about the lines of one sender, and keeps nobody's secret.
        """
        stores_blocks = inputs().format_of(self.listen.input).stores_blocks
        found = set() if stores_blocks else {"mask"}
        endpoint = self.listen.endpoint
        if endpoint.port is not None and not is_loopback(endpoint.interface):
            found.add("deny")
            # A sender that has to show a secret or a certificate may come from anywhere.
            secrets = (
                self.input_token,
                self.input_token_file,
                self.shared_key,
                self.shared_key_file,
            )
            if not (any(secrets) or endpoint.asks_for_certificates):
                found.add("allow")
        return frozenset(found)

    def check_for_input(self) -> None:
        """Raise ConfigurationError if its input must not listen with these settings."""
        found = inputs().format_of(self.listen.input)
        found.check_settings(str(self.listen), self.listen.endpoint, self)
        if found.stores_blocks and not self.filter_options.is_empty:
            given = "mask" if self.mask else "drop"
            raise ConfigurationError(
                f"--{given} is not for --listen {self.listen}: blocks of other stores are stored unchanged,"
                f" so that each comes exactly once; give --{given} to those stores, and {given} = [] in the"
                " table of this listener"
            )

    @property
    def line_rules(self) -> LineRules:
        """The options for the framer."""
        return _options_of_base(self, LineRules)

    @property
    def input_options(self) -> InputOptions:
        """The options for inputs of records."""
        return _options_of_base(self, InputOptions)

    @property
    def filter_options(self) -> FilterOptions:
        """The masks and drops of its lines."""
        return _options_of_base(self, FilterOptions)


def unfit_limits(settings: ListenerSettings | LoggerSettings) -> dict[str, str]:
    """Return a sentence about --max-record if it is less than --max-line, by its attribute."""
    if settings.max_record >= settings.max_line:
        return {}
    limit = SIZE.show(settings.max_line)
    return {
        "max_record": f"less than --max-line, so records may have {limit}; lower --max-line as well"
    }


def unused_options(listeners: Iterable[ListenerSettings]) -> dict[str, str]:
    """Return the options that none of the listeners would use, each with the --listen that would use it.

    An input of a plugin may use any option: if one of the listeners has such an input, the result is empty.
    """
    found = inputs()
    there = [found.plugins.get(one.listen.input) for one in listeners]
    used: set[str] = set()
    for one in there:
        if not isinstance(one, InputFormat):
            return {}
        used.update(one.options)
    names = [one.name for one in attrs.fields(InputOptions) if not one.name.endswith("_file")]
    useless = {
        name: f"--listen {listed([f'{user}:…' for user in users])}" if users else "an input"
        for name in names
        if name not in used
        # Nobody, if their folders have been taken away.
        for users in [found.with_option(name)]
    }
    return useless | {f"{name}_file": what for name, what in useless.items()}


def require_joinable_input(settings: LoggerSettings) -> None:
    """Raise ValueError for --join in the table of a listener that gets whole records, or if all do."""
    joining = inputs().joining
    vain = [
        one
        for one in settings.listener
        if one.join
        and one.listen.input not in joining
        and isinstance(inputs().plugins.get(one.listen.input), InputFormat)
    ]
    useful = settings.classic_syslog or len(vain) < len(settings.listener)
    if vain and not (settings.join and useful):
        raise ValueError(
            f"--join is for {listed(joining)}; --listen {vain[0].listen} gets whole records"
        )


@attrs.frozen(kw_only=True, slots=False)
class ListeningOptions:
    """The options of the line logger that are for nothing else: where it listens, and its store."""

    help_group: ClassVar[str] = "Listening and storing"

    listen: tuple[InputEndpoint, ...] = option(
        ("tcp:1234",), LISTEN, "listen here, for this input", repeatable=True
    )
    listener: tuple[ListenerSettings, ...] = tables(
        ListenerSettings, "listeners with settings of their own", shorthand="listen"
    )
    classic_syslog: bool = option(
        False,
        FLAG,
        "also listen for syslog at port 514, UDP and TCP, and at /dev/log if it is free",
    )
    workers: int = option(
        2,
        integer(1, 64),
        "the most processes that parse messages of more than 64 KiB",
    )
    directory: Path = option("logs", NEW_DIRECTORY, "the directory of the store")
    retention: tuple[RetentionSettings, ...] = tables(
        RetentionSettings, "lines that are kept in a store of their own, for a time of their own"
    )


PARTS_FOUND = find_parts(
    (
        ListeningOptions,
        StorePolicy,
        LineRules,
        FilterOptions,
        InputOptions,
        PeerLimits,
        OperatorSettings,
    )
)
"""The parts of the line logger that are here."""

if TYPE_CHECKING:

    class PartOptions:
        """The options of all parts together; `LoggerSettings.of` returns those of one."""

else:
    PartOptions = compose_options([known.options for known in PARTS_FOUND.usable])


def _sentences_about_absent_options() -> dict[str, str]:
    """Return why the options of a part of ours are not here, by their names."""
    missing, here = {*missing_leaves()}, {known.part.name for known in PARTS_FOUND.usable}
    broken = "; ".join(f"{where}: {why}" for where, why in PARTS_FOUND.broken.items())
    return {
        name: (
            leaf.absence_of(f"option {name}")
            if leaf in missing
            else f"{leaf.gives} cannot be used: {broken}"
        )
        for leaf in LEAVES
        if leaf.folder not in here
        for name in leaf.options
    }


@attrs.frozen(kw_only=True, slots=False)
class LoggerSettings(
    ListeningOptions,
    PartOptions,
    StorePolicy,
    LineRules,
    FilterOptions,
    InputOptions,
    PeerLimits,
    OperatorSettings,
):
    """All settings of the line logger. Raises ValueError for settings that contradict each other."""

    absent: ClassVar[Mapping[str, str]] = _sentences_about_absent_options()

    def __attrs_post_init__(self) -> None:
        StorePolicy.__attrs_post_init__(self)
        for known in PARTS_FOUND.usable:
            # They check themselves when they are made.
            self.of(known.options)
        require_joinable_input(self)
        inputs_by_name: dict[str, set[str]] = {}
        for one in self.listener:
            if one.name:
                inputs_by_name.setdefault(one.name, set()).add(one.listen.input)
        require_fitting_rules(self.retention, inputs_by_name)
        if self.classic_syslog:
            require_input("syslog")

    def of(self, kind: type[T]) -> T:
        """Return the options that the class `kind` declares, one of those that this one is made of."""
        return _options_of_base(self, kind)

    @property
    def unwritten_tables(self) -> dict[str, list[ListenerSettings]]:
        """The listeners of --classic-syslog, which take the general options."""
        ports = PORTS if self.classic_syslog else ()
        return {"listener": [ListenerSettings(listen=parse_listen(port)) for port in ports]}

    @property
    def without_use(self) -> dict[str, str]:
        """The options that no listener would use, each with the --listen that would use it.

        Empty if one of the listeners has an input of a plugin.
        """
        return unused_options(self.listener)

    @property
    def unfit_values(self) -> dict[str, str]:
        """A sentence about --max-record if it is less than --max-line."""
        return unfit_limits(self)

    @property
    def store_policy(self) -> StorePolicy:
        """The options for the store."""
        return self.of(StorePolicy)


def listeners_without_plugin(settings: LoggerSettings) -> list[str]:
    """Return the listeners whose input is missing, because its plugin cannot be loaded."""
    return [
        str(one.listen) for one in settings.listener if not inputs().is_usable(one.listen.input)
    ]
