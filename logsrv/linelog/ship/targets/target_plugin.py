"""The plugin of a target: its URLs, and all else that is known of it before its work is imported.

    parcels = TargetPlugin(
        name="parcels",
        reference="parcels_package.sending:ParcelsTarget",
        schemes={"parcels": Scheme(7000), "parcels+tls": Scheme(7001, tls=True)},
    )

Ours are in the folders of their formats, those of others in `twisted/plugins` (`address.py` finds both). A
target that differs in more than such values is a subclass: `formats/nats` has most of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import attrs
from twisted.plugin import IPlugin
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install, this_installation
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.connections.keepalive import KEEPALIVE
from logsrv.kit.options.files import read_secret
from logsrv.kit.plugins import load_object
from logsrv.kit.service.findings import CheckRequest, Finding, check_server
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, host_text, listed, shown
from logsrv.kit.web.access import is_loopback
from logsrv.linelog.ship.targets.target import BlockTarget, LineTarget, SegmentTarget

Unit: TypeAlias = Literal["lines", "blocks", "segments"]
Target: TypeAlias = BlockTarget | LineTarget | SegmentTarget


@attrs.frozen
class Scheme:
    """A scheme of URLs.

    port: the default port; None if the URL must name one. tls: whether the connection is encrypted.
    """

    port: int | None = None
    tls: bool = False


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
    plugin: TargetPlugin = attrs.field(kw_only=True, eq=False, repr=False)

    def __str__(self) -> str:
        return self.text

    @property
    def takes(self) -> Unit:
        """The unit that is sent to the target."""
        return self.plugin.takes

    @property
    def tls(self) -> bool:
        """True if the connection is encrypted."""
        scheme = self.plugin.schemes.get(self.scheme)
        return scheme is not None and scheme.tls

    @property
    def query_parameters(self) -> dict[str, str]:
        """The pairs `name=value` after the question mark; if a name is repeated, the last pair counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def netloc(self) -> str:
        """`host:port`, as in a Host header; several are joined by commas."""
        return ",".join(host_text(host, port) if port else host for host, port in self.servers)

    @property
    def servers(self) -> tuple[tuple[str, int], ...]:
        """All hosts with their ports."""
        return ((self.host, self.port), *self.others)

    @property
    def is_this_machine(self) -> bool:
        """True if all hosts are this machine."""
        return all(host == "localhost" or is_loopback(host) for host, _ in self.servers)

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


@attrs.frozen(kw_only=True)
class TargetSettings:
    """The settings of one target.

    name: its name in logs, counters and files. store: the identity of the store whose lines it gets.
    tls: for TLS: the authorities to trust, and our certificate. token: the secret for the login,
    printable ASCII or the text of NATS credentials; None for no login. keepalive: the seconds of silence
    after which the system asks the server whether it is still there; None: never. rule: the name of the
    [[retention]] rule whose store it is; "" for the main store. main: the identity of the main store.
    """

    name: str
    url: ShipURL
    store: str
    tls: TLSOptions = attrs.field(factory=TLSOptions)
    token: str | None = attrs.field(default=None, repr=False)
    keepalive: float | None = KEEPALIVE
    rule: str = ""
    main: str = ""


@implementer(IPlugin)
@attrs.frozen(kw_only=True)
class TargetPlugin:
    """A kind of target for `--ship`.

    name: its name among plugins. reference: the target's class, `module:class`, imported when the target
    is used, and called with its TargetSettings and the reactor. schemes: its schemes by name; a scheme of
    logsrv's own cannot be taken. takes: what the class takes; see the interfaces in `target.py`.
    path: an expression that fits the path of a URL. without_path: a sentence for any other, with `{server}`
    for the URL before it. package, install: the package that it needs, and the argument of `pip install`
    for that. several_hosts: whether a URL may name several. parameters: the names that may stand after the
    `?`; None for any. exposes: what anybody could read on the way without TLS, such as "the token"; "" if
    it takes no token. rewrite: of a target of segments, a function `module:name` that puts there anew those
    in which lines were erased, for `logsrv erase --everywhere`: it gets the URL, the disk and the identity
    of the store, and an iterator of the segments. It puts each before it takes the next one from the
    iterator: no shipper puts one there until then. It raises OSError, ValueError and LogsrvError. "" if
    there is none. find_erased: of such a target, a function with the same arguments that yields the number
    of each segment with lines that are erased there but not in the store, and begin and end of these lines.
    find_erased_away, take_over: of an archive, functions for segments that the store has there alone, with
    the same arguments: one yields those in which lines were erased there since, the other fetches their
    indexes and notes.
    """

    name: str
    reference: str
    schemes: Mapping[str, Scheme]
    takes: Unit = "lines"
    path: str = ".*"
    without_path: str = ""
    package: str = ""
    install: str = ""
    several_hosts: bool = False
    parameters: tuple[str, ...] | None = ()
    exposes: str = ""
    rewrite: str = ""
    find_erased: str = ""
    find_erased_away: str = ""
    take_over: str = ""

    def parse(self, text: str, word: str) -> ShipURL:
        """Return the address in a URL. word: its scheme. Raises ValueError with a sentence."""
        scheme = self.schemes[word.lower()]
        rest = text.partition("://")[2]
        # urlsplit refuses several hosts if any but the first is an IPv6 address.
        hosts = re.split("[/?#]", rest, maxsplit=1)[0]
        names = hosts.split(",")
        parts = urlsplit(f"{word}://host{rest.removeprefix(hosts)}")
        if len(names) > 1 and not self.several_hosts:
            raise ValueError(f"names several hosts, and {word}: takes one")
        (host, port), *others = [_host_and_port(word, one, scheme) for one in names]
        if parts.fragment:
            raise ValueError("has a # in it, and the part after it is never sent")
        path = parts.path.rstrip("/") if self.takes == "blocks" else parts.path
        if not re.fullmatch(self.path, path):
            raise ValueError(self.without_path.format(server=f"{word}://{host}"))
        return ShipURL(
            text, word.lower(), host, port, path, parts.query, tuple(others), plugin=self
        )

    def read_token(self, file: Path | None) -> str | None:
        """Return the token in a --ship-token-file. Raises ConfigurationError."""
        return read_secret("ship-token", None, file)

    def check_settings(self, settings: TargetSettings) -> None:
        """Raise ConfigurationError for settings with which the target cannot work; open nothing."""
        known, who = self.parameters, one_line(settings.url.loggable_url)
        unknown = sorted(set(settings.url.query_parameters) - set(known or ()))
        if known is not None and unknown:
            which = f"only {listed(known)} may stand" if known else "nothing may stand"
            hint = did_you_mean(unknown[0], list(known))
            raise ConfigurationError(f"{who}: after its ? {which}, not {shown(unknown[0])}{hint}")

    def is_exposed(self, settings: TargetSettings) -> bool:
        """Return whether a connection without TLS would show a secret."""
        return bool(self.exposes and settings.token)

    def advice_without_tls(self, url: ShipURL) -> str:
        """Return what to take instead of a URL without TLS."""
        encrypted = [name for name, scheme in self.schemes.items() if scheme.tls]
        return f"{encrypted[0]}://" if encrypted else "a target with TLS"

    def environment_variables(self, url: ShipURL) -> tuple[str, ...]:
        """Return the variables that the target's process needs besides those of every child."""
        return ()

    def findings(
        self, subject: str, settings: TargetSettings, asked: CheckRequest
    ) -> Iterator[Finding]:
        """Yield for `logsrv check` whether the target can be used: whether each server answers.

        The settings have the token only with `asked.reach`.
        """
        for host, port in settings.url.servers:
            tls = settings.tls if settings.url.tls else None
            yield check_server(asked, subject, host, port, tls)


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
        raise ValueError("its port is not a number from 1 to 65535") from None
    if not port:
        raise ValueError(f"names no port, such as {word}://{parts.hostname}:2514")
    return parts.hostname, port


def check_encrypted(settings: TargetSettings) -> None:
    """Raise ConfigurationError if a secret, or blocks, would leave this machine unencrypted."""
    url, plugin = settings.url, settings.url.plugin
    if url.tls or url.is_this_machine or not plugin.is_exposed(settings):
        return
    raise ConfigurationError(
        f"{one_line(url.loggable_url)} would carry {plugin.exposes} in the clear: take"
        f" {plugin.advice_without_tls(url)}"
    )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _how_to_install(requirement: str) -> str:
    """Return the command for what a target needs: an extra of ours, or a stranger's package."""
    found = re.fullmatch(r"logsrv\[([\w,-]+)\]", requirement)
    return (
        how_to_install(*found[1].split(","))
        if found
        else this_installation().installing(requirement)
    )


def check_package_installed(url: ShipURL) -> None:
    """Raise ConfigurationError if the package for a target is missing; does not import the package."""
    package = url.plugin.package
    if package and not _is_installed(package):
        raise ConfigurationError(
            f"{url.scheme}: needs the package {package}; this installs it:"
            f" {_how_to_install(url.plugin.install)}"
        )


def make_target(settings: TargetSettings, reactor: Any) -> Target:
    """Make the target with these settings; opens nothing.

    Raises ConfigurationError, also if a package is missing or the target cannot be imported.
    """
    check_encrypted(settings)
    check_package_installed(settings.url)
    made: Target = load_object(settings.url.plugin.reference)(settings, reactor)
    return made
