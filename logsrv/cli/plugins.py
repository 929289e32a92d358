"""List the plugins, inputs and commands that are installed.

The list has each plugin that twistd finds, by name: its version, where it listens by default, its package,
and the file that declares it. Then come the inputs of the line logger, the commands of logsrv, and plugin
files that cannot be loaded, each with the reason, and parts of the line logger that are not here.

Example:

  logsrv plugins --json

Exit status: 0, or 1 when something is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import attrs
from attrs import asdict
from twisted.application.service import IServiceMaker
from twisted.logger import globalLogBeginner
from twisted.plugin import getPlugins

from logsrv.cli.arguments import aligned_columns
from logsrv.cli.command import COMMANDS, Command
from logsrv.cli.line_logger import missing_parts, registries
from logsrv.cli.origin import path_in_record
from logsrv.errors import ConfigurationError
from logsrv.installation import direct_url
from logsrv.kit import IProtocolPlugin
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import options_of
from logsrv.kit.plugins import Plugins, import_plugin_files
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.words import error_text
from twisted import plugins

command = Command("plugins", "list what is installed: plugins, inputs, targets, commands", __name__)


def declare(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


_TITLES = {
    "plugins": "PLUGIN",
    "inputs": "INPUT",
    "formats": "FORMAT OVER HTTP",
    "targets": "TARGET",
    "parts": "PART",
    "sources": "ARCHIVE",
    "commands": "COMMAND",
}


@attrs.frozen(kw_only=True)
class InstalledPlugin:
    """A plugin, an input, a format over HTTP, a target, a part, an archive or a command.

    name: as users type it. version: its own, otherwise that of its package; "" if neither is known.
    package: the distribution that pip installed; "" if none. where: the file that declares it.
    listens: the endpoints it listens at by default; empty if not known before it runs.
    error: why it cannot be used although its plugin file is sound; "" if it can.
    taken: whether twistd uses this one; False if an earlier one has the same name.
    """

    name: str
    version: str
    package: str
    where: str
    listens: tuple[str, ...] = ()
    description: str = ""
    error: str = ""
    taken: bool = True


@attrs.frozen(kw_only=True)
class BrokenPlugin:
    """A plugin file that cannot be loaded: where it is, and why."""

    where: str
    error: str
    package: str


Installed: TypeAlias = dict[str, list[InstalledPlugin]]
"""Each kind of _TITLES, in the order of its names."""


def run(arguments: argparse.Namespace) -> int:
    installed, broken = find_installed()
    if arguments.json:
        told = {**installed, "broken": broken, "missing": missing_parts()}
        print(json.dumps(told, indent=2, default=asdict))
    else:
        print(printable(_report(installed, broken)), end="")
    if is_overlooked(Path.cwd()):
        print(f"logsrv plugins: {OVERLOOKED}", file=sys.stderr)
    return 1 if broken or any(plugin.error for plugin in installed["plugins"]) else 0


def _report(installed: Installed, broken: Sequence[BrokenPlugin]) -> str:
    """Return the tables, and a line for each broken or hidden plugin."""
    tables = "\n".join(_table(_TITLES[kind], found) for kind, found in installed.items())
    said = [
        f"broken: {one.name} ({one.where}): {one.error}\n"
        for one in installed["plugins"]
        if one.error
    ]
    said += [f"broken: {one.where}: {one.error}\n" for one in broken]
    for kind in installed.values():
        used = {one.name: one for one in kind if one.taken}
        said += [
            f"warning: {one.name} exists twice: the one from {_where_from(used[one.name])} is used, "
            f"not the one from {_where_from(one)}\n"
            for one in kind
            if not one.taken and one.name in used
        ]
    said += [f"not here: {one}\n" for one in missing_parts()]
    return "".join([tables, "\n" if said else "", *said])


def _where_from(plugin: InstalledPlugin) -> str:
    return plugin.where or plugin.package or "an unknown file"


def _table(title: str, plugins: Sequence[InstalledPlugin]) -> str:
    rows = [(title, "VERSION", "LISTENS AT", "PACKAGE", "FILE")]
    rows += [
        (
            plugin.name,
            plugin.version or "-",
            " ".join(plugin.listens) or "-",
            plugin.package or "-",
            plugin.where or "-",
        )
        for plugin in plugins
    ]
    return aligned_columns(rows)


def find_installed() -> tuple[Installed, list[BrokenPlugin]]:
    """Return everything that Twisted's plugin system finds, and the files that it cannot load.

    It starts no plugin.
    """
    # Twisted logs each broken module as a critical error, with a traceback on stderr.
    with contextlib.suppress(AssertionError):
        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    packages = PluginPackages()
    broken = []
    # id() of a plugin → the file that declares it
    files: dict[int, str] = {}
    for where, loaded in import_plugin_files():
        if isinstance(loaded, str):
            package = _name_of(packages.of_file(where))
            broken.append(BrokenPlugin(where=where, error=loaded, package=package))
            continue
        for value in vars(loaded).values():
            files.setdefault(id(value), where)
    broken.sort(key=lambda found: found.where)
    installed = {"plugins": list(_services(files, packages))}
    found_by_logsrv: dict[str, Plugins[Any]] = {**registries(), "commands": COMMANDS}
    for name, kind in found_by_logsrv.items():
        used = kind.all()
        found = sorted(kind.with_files(), key=lambda each: str(each[0].name))
        installed[name] = [
            packages.installed(
                one.name,
                where,
                getattr(one, "module", "") or getattr(one, "reference", "") or type(one).__module__,
                description=_described(one),
                taken=used.get(one.name) == one,
            )
            for one, where in found
        ]
    return installed, broken


OVERLOOKED = (
    "twisted/plugins in this directory is not on Python's path: try PYTHONPATH=$PWD or install the package"
    " (pip install --editable .)"
)


def is_overlooked(directory: Path) -> bool:
    """Return whether `directory` has plugins in a folder that `twistd` does not search."""
    folder = directory / "twisted/plugins"
    searched = {Path(entry).resolve() for entry in plugins.__path__}
    return any(folder.glob("*.py")) and folder.resolve() not in searched


def _services(files: dict[int, str], packages: PluginPackages) -> Iterator[InstalledPlugin]:
    seen: set[str] = set()
    # If two plugins have the same name, twistd uses the first that Twisted's plugin system returns.
    for maker in sorted(getPlugins(IServiceMaker), key=lambda maker: maker.tapname):
        listens, error = _default_endpoints(maker)
        yield packages.installed(
            maker.tapname,
            files.get(id(maker), ""),
            _module_name(maker),
            version=_own_version(maker),
            listens=listens,
            description=maker.description,
            error=error,
            taken=maker.tapname not in seen,
        )
        seen.add(maker.tapname)


def _own_version(maker: Any) -> str:
    """Return a plugin's own version; "" if it has none."""
    # `_default_endpoints` reports the error.
    with contextlib.suppress(ConfigurationError):
        if IProtocolPlugin.providedBy(maker) and maker.version != "0":
            return str(maker.version)
    return ""


def _module_name(maker: Any) -> str:
    """Return the name of the module whose code a plugin runs."""
    if not IProtocolPlugin.providedBy(maker):
        return str(getattr(maker, "module", ""))
    made: Any = maker
    runs = (made.protocol, made.datagrams, made.state)
    serves = next(one for one in runs if one is not None)
    return serves.partition(":")[0] if isinstance(serves, str) else str(serves.__module__)


def _default_endpoints(maker: Any) -> tuple[tuple[str, ...], str]:
    """Return the endpoints where a plugin listens by default, and an error of its options or ""."""
    # Twisted's own plugins declare their endpoints in different ways, and loading them all is slow.
    if str(getattr(maker, "module", "")).startswith("twisted."):
        return (), ""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if IProtocolPlugin.providedBy(maker):
                maker.check()
            settings = getattr(maker.options, "settings_class", None)
            if IProtocolPlugin.providedBy(maker):
                return maker.listen, ""
            declared = options_of(settings) if settings is not None else {}
            if "listen" not in declared:
                return (), ""
            return tuple(map(str, declared["listen"].default_value())), ""
    except ConfigurationError as error:
        # Remove the plugin's name, with which the sentence of the error begins.
        return (), one_line(str(error), 1000).removeprefix(f"{maker.tapname}: ")
    except BaseException as error:
        return (), error_text(error)


def _described(one: Any) -> str:
    if schemes := getattr(one, "schemes", ()):
        return " ".join(f"{scheme}:" for scheme in schemes)
    told = getattr(one, "purpose", "") or getattr(one, "about", "")
    return told or (type(one).__doc__ or "").partition("\n")[0]


def _name_of(package: metadata.Distribution | None) -> str:
    return str(package.metadata["Name"]) if package else ""


class PluginPackages:
    """The distributions that plugin files belong to."""

    def installed(
        self, name: str, where: str, code: str, *, version: str = "", **more: Any
    ) -> InstalledPlugin:
        """Return a plugin with its package. code: the module of its code. more: what else is known."""
        package = self.of_plugin(where, code)
        return InstalledPlugin(
            name=name,
            version=version or (package.version if package else ""),
            package=_name_of(package),
            where=where,
            **more,
        )

    def of_plugin(self, where: str, code: str) -> metadata.Distribution | None:
        """Return a plugin's distribution, by the plugin's file, or else by the module of its code."""
        top = code.partition(".")[0]
        names = self._by_module.get(top, []) if top != "twisted" else []
        return self.of_file(where) or (metadata.distribution(names[0]) if names else None)

    def of_file(self, where: str) -> metadata.Distribution | None:
        if not where:
            return None
        path = Path(where).resolve()
        found = self._by_file.get(path)
        # Files in sys.prefix do not count: a virtual environment may lie within an editable project.
        if found is None and not path.is_relative_to(sys.prefix):
            roots = [root for root in self._by_root if path.is_relative_to(root)]
            found = self._by_root[max(roots, key=lambda root: len(root.parts))] if roots else None
        return found

    @cached_property
    def _by_module(self) -> dict[str, list[str]]:
        return dict(metadata.packages_distributions())

    @cached_property
    def _by_file(self) -> dict[Path, metadata.Distribution]:
        """Plugin file → the distribution that lists it among its installed files."""
        return {
            Path(str(distribution.locate_file(file))).resolve(): distribution
            for distribution in metadata.distributions()
            for file in distribution.files or ()
            if file.parts[:2] == ("twisted", "plugins")
        }

    @cached_property
    def _by_root(self) -> dict[Path, metadata.Distribution]:
        """The folders of editable distributions (PEP 610) → their distribution."""
        found = {}
        for distribution in metadata.distributions():
            root = path_in_record(direct_url(distribution))
            if root is not None and root.is_dir():
                found[root.resolve()] = distribution
        return found
