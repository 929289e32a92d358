"""The plugins of one kind: logsrv's own are modules of one package, those of other authors are files in
`twisted/plugins`.

A plugin is an object at module level with a `name`. It is light: it names the module with its work, which
is imported when the plugin is used.

    INPUTS = Plugins[IInput]("logsrv.linelog.formats", IInput.providedBy)

    INPUTS.find("gelf")  # imports logsrv/linelog/formats/gelf/__init__.py (or a file there), no other
    INPUTS.all()         # all by their names: imports what lies in that folder, and in twisted/plugins
    INPUTS.broken()      # the files that cannot be imported, each with the reason

No list names ours: a module of the package is called as its plugin, `import_` if the name is a word of
Python's. A module without a plugin is passed over, so other modules may lie beside them. A few may lie
elsewhere (`beside`). Strangers' plugins are looked for only if a name is not ours, or for all. A stranger
cannot take the name of one of ours. A file whose import fails costs what it declares, and no other plugin.
"""

from __future__ import annotations

import contextlib
import importlib
import keyword
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, Generic, TypeVar

import logsrv
from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install_line_logger
from logsrv.kit.text.words import error_text
from logsrv.plugin_folders import refused

PACKAGE = os.path.join(os.path.dirname(logsrv.__file__), "")
"""The folder of logsrv, with a slash at its end."""
_OTHER_WHEEL = ("logsrv.gopher", "logsrv.inputs", "logsrv.linelog")
"""Packages that the distribution `logsrv-kit` does not have."""
_FOLDER = os.path.join("twisted", "plugins")
# In the first line of each file of Twisted: none of them declares a plugin of ours.
_OF_TWISTED = "# Copyright (c) Twisted Matrix Laboratories."

Kind = TypeVar("Kind")


class Plugins(Generic[Kind]):
    """The plugins of one kind.

    package: the dotted name of the package with ours. accepts: whether an object is a plugin of this kind.
    word: a text without which no file in `twisted/plugins` declares one; others are not imported.
    beside: the dotted names of further modules of ours; one that is not there is passed over.
    """

    def __init__(
        self,
        package: str,
        accepts: Callable[[object], bool],
        *,
        word: str = "",
        beside: Iterable[str] = (),
    ) -> None:
        self.package = package
        self.accepts = accepts
        self.word = word
        self._beside = {module.rpartition(".")[2]: module for module in beside}

    def find(self, name: str) -> Kind | None:
        """Return the plugin with this name; None if there is none. Raises ConfigurationError if it is ours
        and cannot be imported.
        """
        for file in self.files_of(name):
            declared = self.declared_by(name, file)
            if isinstance(declared, str):
                raise ConfigurationError(f"{file} cannot be imported: {declared}")
            if name in declared:
                return declared[name]
        return self.all().get(name)

    def ours(self) -> dict[str, Kind]:
        """Return logsrv's own plugins by name, without those that cannot be imported."""
        return self._look()[0]

    def all(self) -> dict[str, Kind]:
        """Return all plugins by name, without those that cannot be imported: first logsrv's own, then those
        of other authors.
        """
        found, broken = self._look()
        for _, loaded in import_plugin_files(self.word, of_twisted=False):
            for name, plugin in self._plugins_in(loaded).items():
                if name not in broken:
                    found.setdefault(name, plugin)
        return found

    def with_files(self) -> Iterator[tuple[Kind, str]]:
        """Yield each plugin with its file, also if two plugins have the same name: first logsrv's own, then
        those of other authors.
        """
        for name, file in self.files().items():
            declared = self.declared_by(name, file)
            if not isinstance(declared, str):
                yield from ((plugin, file) for plugin in declared.values())
        for file, loaded in import_plugin_files(self.word, of_twisted=False):
            yield from ((plugin, file) for plugin in self._plugins_in(loaded).values())

    def broken(self) -> dict[str, str]:
        """Return the plugin files that cannot be imported, those of logsrv and those in `twisted/plugins`,
        each with the reason.
        """
        files = self.files()
        ours = {files[name]: why for name, why in self._look()[1].items()}
        return {**ours, **broken_plugins(self.word, of_twisted=False)}

    def files(self) -> dict[str, str]:
        """Return the files of logsrv's own plugins, by the name of the plugin; a plugin has the name of its
        file.
        """
        path = importlib.import_module(self.package).__path__
        found = {name.removesuffix("_"): file for name, file in _modules_below(path)}
        return found | {name: file for name in self._beside for file in self.files_of(name)}

    def module_of(self, name: str) -> str:
        """Return the dotted name of the module in which logsrv's own plugin `name` is."""
        inside = f"{self.package}.{name}_" if keyword.iskeyword(name) else f"{self.package}.{name}"
        return self._beside.get(name, inside)

    def files_of(self, name: str) -> Iterator[str]:
        """Yield the file in which logsrv's own plugin `name` would be, if this file exists."""
        if name.isidentifier() and not name.startswith("_"):
            package, _, module = self.module_of(name).rpartition(".")
            # A package of `beside` may have been taken away.
            with contextlib.suppress(ModuleNotFoundError):
                [folder] = importlib.import_module(package).__path__
                path = os.path.join(folder, module)
                yield from filter(os.path.isfile, (f"{path}.py", os.path.join(path, "__init__.py")))

    def declared_by(self, name: str, file: str) -> dict[str, Kind] | str:
        """Return the plugins that a file of logsrv declares, or a sentence that says why the file cannot be
        imported.

        A kind whose modules are not light reads the file instead.
        """
        loaded = _import(self.module_of(name))
        return loaded if isinstance(loaded, str) else self._plugins_in(loaded)

    def _plugins_in(self, loaded: ModuleType | str) -> dict[str, Kind]:
        values: Iterable[Any] = () if isinstance(loaded, str) else vars(loaded).values()
        found = {}
        for value in values:
            # A stranger's object may raise whatever is asked of it; then it is no plugin.
            with contextlib.suppress(Exception):
                if self.accepts(value) and isinstance(value.name, str):
                    found[value.name] = value
        return found

    def _look(self) -> tuple[dict[str, Kind], dict[str, str]]:
        """Return ours, and why files of ours cannot be imported, by the names of their plugins."""
        found: dict[str, Kind] = {}
        broken: dict[str, str] = {}
        for name, file in self.files().items():
            declared = self.declared_by(name, file)
            if isinstance(declared, str):
                broken[name] = declared
            else:
                found |= declared
        return found, broken


def load_object(text: str) -> Any:
    """Return the object that a text such as `package.module:Name` names. Raises ConfigurationError with the
    place of the mistake.
    """
    name, _, attribute = text.partition(":")
    if not all(word.isidentifier() for word in (*name.split("."), attribute)):
        raise ConfigurationError(f"{text!r:.80} is not a name such as package.module:Name")
    module = load_module(name)
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ConfigurationError(
            f"there is no {text} (in {getattr(module, '__file__', None) or 'no file'})"
        ) from None


def call_object(text: str) -> Any:
    """Call the object that a text such as `package.module:Name` names, without arguments; return the
    result.

    Raises ConfigurationError with the place of the mistake, also for what the call itself raises.
    """
    made = load_object(text)
    try:
        return made()
    except Exception as error:
        raise ConfigurationError(
            f"{text} cannot be used: {error_text(error)}{_raised_at(error)}"
        ) from None


def load_module(name: str) -> ModuleType:
    """Import the module with this dotted name, and return it. Raises ConfigurationError with the place of
    the mistake.
    """
    loaded = _import(name)
    if isinstance(loaded, str):
        raise ConfigurationError(f"{name} cannot be imported: {loaded}")
    return loaded


def import_plugin_files(
    word: str = "", *, of_twisted: bool = True
) -> Iterator[tuple[str, ModuleType | str]]:
    """Yield each file that declares plugins, with its module, or with a sentence that says why its import
    failed.

    They are those in which Twisted's `getPlugins` looks, which would log a traceback for a broken one.
    Plugin folders that were left out come first, each with the reason. word: only files with this text.
    of_twisted: also files of Twisted itself, whose import takes 0.2 s.
    """
    yield from refused.items()
    # Twisted makes this path of sys.path; importing it takes 70 ms, which may be for nothing.
    plugins = sys.modules.get("twisted.plugins")
    folders = plugins.__path__ if plugins else [os.path.join(each, _FOLDER) for each in sys.path]
    for name, file in _modules_below(folders):
        if _has_text(file, word) and (of_twisted or not _has_text(file, _OF_TWISTED, unread=False)):
            # A plugin file may print, which would spoil our output.
            with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):
                loaded = _import(f"twisted.plugins.{name}")
            yield file, loaded


def broken_plugins(word: str = "", *, of_twisted: bool = True) -> dict[str, str]:
    """Return the plugin files and folders that cannot be used, each with the reason."""
    found = import_plugin_files(word, of_twisted=of_twisted)
    return {where: why for where, why in found if isinstance(why, str)}


def _has_text(file: str, word: str, *, unread: bool = True) -> bool:
    """Return whether a file has a text; `unread` if it cannot be read, and its import says why."""
    try:
        with open(file, "rb") as opened:
            return word.encode() in opened.read()
    except OSError:
        return unread


def _modules_below(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the file of each module or package in these folders, the first of each name."""
    seen = {"__init__"}
    for folder in folders:
        entries: list[str] = []
        with contextlib.suppress(OSError):
            entries = sorted(os.listdir(folder))
        for entry in entries:
            name, suffix = os.path.splitext(entry)
            file = os.path.join(folder, entry)
            if suffix != ".py":
                file = os.path.join(file, "__init__.py")
            if name.isidentifier() and name not in seen and os.path.isfile(file):
                seen.add(name)
                yield name, file


def _import(name: str) -> ModuleType | str:
    """Return a module, or a sentence why it cannot be imported."""
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    # A module may exit, as a script does.
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        hint = (
            f"; this installs it: {how_to_install_line_logger()}" if missing in _OTHER_WHEEL else ""
        )
        return error_text(error) + hint + _raised_at(error)


def _raised_at(error: BaseException) -> str:
    """Return ` (FILE:LINE)` where the error was raised; "" if only the import itself is there."""
    if isinstance(error, SyntaxError):
        # Its own text names the file without the folder, so the whole path is added.
        return f" ({error.filename}:{error.lineno})" if error.filename else ""
    frames = []
    step = error.__traceback__
    while step is not None:
        frames.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    ours = (__file__, importlib.__file__)
    frames = [each for each in frames if each[0] not in ours and not each[0].startswith("<frozen ")]
    if isinstance(error, ConfigurationError):
        # The kit raised it, because of the author's line that called the kit.
        frames = [each for each in frames if not each[0].startswith(PACKAGE)]
    return " ({}:{})".format(*frames[-1]) if frames else ""
