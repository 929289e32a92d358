"""The registry of inputs: ours, found in the folders of `linelog/formats`, and those of other packages.

The formats of the `http` input are found in the same folders, by `HTTP_FORMATS` of
`intake/over_http/http_format.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import ARGUMENTS
from logsrv.kit.plugins import Plugins
from logsrv.linelog.intake.interfaces import IInput, InputFormat, check_input_spelling

log = Logger()

INPUTS = Plugins[IInput]("logsrv.linelog.formats", IInput.providedBy)


class Inputs(Mapping[str, IInput]):
    """Inputs by name; that of an `InputFormat` is loaded when it is first looked up."""

    def __init__(self, plugins: Mapping[str, IInput]) -> None:
        self.plugins = plugins
        self._loaded: dict[str, IInput] = {}
        self._unloadable: dict[str, str] = {}

    def __getitem__(self, name: str) -> IInput:
        if name not in self._loaded:
            found = self.plugins[name]
            loaded = found.load() if isinstance(found, InputFormat) else found
            check_input_spelling(loaded)
            self._loaded[name] = loaded
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plugins)

    def __len__(self) -> int:
        return len(self.plugins)

    def __contains__(self, name: object) -> bool:
        return name in self.plugins

    def format_of(self, name: str) -> InputFormat:
        """Return what is known of an input before it is loaded; of a stranger's perhaps only its name."""
        found = self.plugins.get(name)
        return found if isinstance(found, InputFormat) else InputFormat(name, "")

    def is_usable(self, name: str) -> bool:
        """Return whether an input is there and can be loaded; `broken` says why not."""
        try:
            return name in self.plugins and bool(self[name])
        except ConfigurationError as error:
            self._unloadable[name] = str(error)
            return False

    @property
    def broken(self) -> dict[str, str]:
        """The files, or the names of inputs, that cannot be loaded, each with the reason."""
        return {**INPUTS.broken(), **self._unloadable}

    def with_option(self, option: str) -> list[str]:
        """Return the names of the inputs that say that they use an option."""
        return [name for name, one in self._told.items() if option in one.options]

    @property
    def joining(self) -> list[str]:
        """The names of the inputs for whose lines --join is."""
        return [name for name, one in self._told.items() if one.joins]

    @property
    def _told(self) -> dict[str, InputFormat]:
        return {name: one for name, one in self.plugins.items() if isinstance(one, InputFormat)}


@cache
def inputs() -> Inputs:
    """Return every input by its name; one that is called as an endpoint type is left out."""
    found = INPUTS.all()
    for name in found.keys() & {*ARGUMENTS, "haproxy"}:
        del found[name]
        log.warn(
            "the input {name} is left out, because endpoints begin with that word: rename it",
            name=name,
        )
    return Inputs(found)
