"""Declares the options of a service in one place: in a frozen attrs class.

    @attrs.frozen(kw_only=True, slots=False)
    class StoreOptions:
        directory: Path = option("logs", PATH, "where the lines are kept")
        rotate_size: int = option("256MiB", SIZE, "seal the active segment at this size")
        keep_days: float | None = option(None, DAYS, "remove segments older than this")
        allow: tuple[Network, ...] = option((), NETWORK, "who may connect", repeatable=True)

The attribute `rotate_size` is `--rotate-size` on the command line, `LOGSRV_ROTATE_SIZE` in the
environment and `rotate-size` in the TOML file. Options that depend on one another are checked in
`__attrs_post_init__`, which raises ValueError with one sentence.

Classes are combined by inheritance. Python allows one class with slots among several bases, so a class that
is made to be a base says `slots=False`. With `help_group: ClassVar[str] = "Store"`, the help and the manual
page list the options of a class under that title. With `goes_with: ClassVar[str] = "ship"`, its options
have no effect without `--ship`, and a warning says so; of several in a tuple one is enough. The same
warning comes for each attribute in `without_use` of the settings, a dict from attributes to the option that
each of them needs. Another warning about values that do not fit together is in `unfit_values`, a dict from
attributes to sentences.

A class of tables may have `protected_by`, the options that keep something away from such a table, such as
`allow`, and `label`, its name in sentences. If one table has such an option, and another neither has it nor
says that it wants none, a warning names both. `unwritten_tables` of the enclosing settings, a dict from the
attribute of tables to objects of their class, has those that are there without a table in the file.

With `absent: ClassVar[Mapping[str, str]]`, whoever gives an option that is missing here hears why, instead
of "no such option": a sentence for each name, such as `rotate-size`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast, overload

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.kinds import Kind
from logsrv.kit.text.escape import one_line

D = TypeVar("D")
T = TypeVar("T")
_DECLARED = "logsrv.kit.options.declare"
UNGROUPED: Final = "Options"
"""The title of options whose class has no `help_group`."""


class Required:
    """The type of REQUIRED."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = Required()
"""The default of an option that must be given."""


@attrs.frozen(eq=False, kw_only=True)
class Option:
    """An option, as the function `option` declares it."""

    default: Any
    kind: Kind[Any]
    help: str
    repeatable: bool = False
    _off: bool = False

    @property
    def off(self) -> bool:
        """Return true if the option accepts the word `off`, which means None, or () for a repeatable
        option.
        """
        return self._off or self.default is None or (self.repeatable and not self.default)

    @property
    def accepted(self) -> str:
        """Return a phrase that describes all accepted texts."""
        return f"{self.kind.accepted}, or off" if self.off else self.kind.accepted

    @property
    def nothing(self) -> Any:
        """Return the value that the word `off` gives to the option."""
        return () if self.repeatable else None

    def default_value(self, directory: Path | None = None) -> Any:
        """Return the default as a value; a relative path in it is relative to `directory`.

        Raises TypeError if the option is required, ConfigurationError if the text of the default is wrong.
        """
        if self.default is REQUIRED:
            raise TypeError("a required option has no default")
        if self.default is None:
            return self.nothing
        if self.repeatable:
            given = [self.default] if isinstance(self.default, str) else self.default
            return tuple(self._parsed_default(value, directory) for value in given)
        return self._parsed_default(self.default, directory)

    def _parsed_default(self, value: Any, directory: Path | None) -> Any:
        parsed = value
        try:
            if isinstance(value, str) and not isinstance(value, Enum):
                parsed = self.kind.parse(value)
            return parsed if directory is None else self.kind.locate(parsed, directory)
        except ValueError as error:
            what = f"the default {value!r:.80} of an option ({self.help})"
            raise ConfigurationError(f"{what}: {error}; accepted: {self.accepted}") from error

    @property
    def default_text(self) -> str:
        """Return the default as the help shows it."""
        if self.default is REQUIRED:
            return "required"
        value = self.default_value()
        if value is None or value == ():
            return "off"
        if self.kind.is_flag:
            return "on" if value else "off"
        return one_line(" ".join(map(self.kind.show, value if self.repeatable else (value,))))


@attrs.frozen(eq=False, kw_only=True)
class Tables:
    """An array of tables in the TOML file, as the function `tables` declares it."""

    settings_class: type[Any]
    help: str
    shorthand: str | None
    key: str | None = None


@overload
def option(
    default: Sequence[T | str] | Required | None,
    kind: Kind[T],
    help: str,
    *,
    repeatable: Literal[True],
    off: bool = False,
) -> tuple[T, ...]: ...
@overload
def option(
    default: None,
    kind: Kind[T],
    help: str,
    *,
    repeatable: Literal[False] = False,
    off: bool = False,
) -> T | None: ...
@overload
def option(
    default: T | str | Required,
    kind: Kind[T],
    help: str,
    *,
    repeatable: Literal[False] = False,
    off: Literal[False] = False,
) -> T: ...
@overload
def option(
    default: T | str | Required,
    kind: Kind[T],
    help: str,
    *,
    repeatable: Literal[False] = False,
    off: Literal[True],
) -> T | None: ...
def option(
    default: Any, kind: Kind[Any], help: str, *, repeatable: bool = False, off: bool = False
) -> Any:
    """Declare an option of a settings class.

    default: a value or its text; several of them if `repeatable`; None or () for an option that is off
        by default; REQUIRED for an option that must be given.
    kind: the kind of its values, such as SIZE. help: the meaning of the option, a phrase.
    repeatable: whether it may be given several times.
    off: whether the word `off` is accepted; it always is when the default is None or ().

    For a type checker the result is the value of the option: one of the kind; a tuple of them if
    `repeatable`; one of the kind or None if it can be off.
    """
    declared = Option(default=default, kind=kind, help=help, repeatable=repeatable, off=off)
    if default is REQUIRED:
        return attrs.field(metadata={_DECLARED: declared})
    return attrs_field_of(declared)


def attrs_field_of(declared: Option) -> Any:
    """Return an attrs field for an option with a default; a table without this option takes the value from
    outside the table.
    """
    return attrs.field(factory=declared.default_value, metadata={_DECLARED: declared})


def tables(
    settings_class: type[T], help: str, *, shorthand: str | None = None, key: str | None = None
) -> tuple[T, ...]:
    """Declare that the TOML file may have tables `[[name]]`, each with the options of `settings_class`.

    The value is a tuple of objects of that class, one for each table. A table without an option that both
    classes have takes the value of the enclosing settings; if each class declares it, only a given value.

    shorthand: an option of the same name in both classes, repeatable in the enclosing one. Each of
        its values makes a table with only that option. On the command line or in the environment it
        replaces all tables of the file; in the file it adds to them.
    key: the name in the file, if it differs from the attribute. It may be the name of the shorthand: then
        the file has either plain values or tables of that name.
    """
    declared = Tables(settings_class=settings_class, help=help, shorthand=shorthand, key=key)
    field = attrs.field(default=(), metadata={_DECLARED: declared})
    return cast("tuple[T, ...]", field)


def option_name(attribute: str) -> str:
    """Return the name of an option: `rotate-size` for the attribute `rotate_size`."""
    return attribute.rstrip("_").replace("_", "-")


def options_of(settings_class: type[Any]) -> dict[str, Option]:
    """Return the options of a settings class, by attribute: its own, then those of its bases."""
    return _declarations_in(settings_class, Option)


def tables_of(settings_class: type[Any]) -> dict[str, Tables]:
    """Return the arrays of tables that a settings class declares, by attribute."""
    return _declarations_in(settings_class, Tables)


def absent_options(settings_class: type[Any]) -> Mapping[str, str]:
    """Return the `absent` of a settings class: for each option that is not available, by its name, a
    sentence that says why.
    """
    found: Mapping[str, str] = getattr(settings_class, "absent", {})
    return found


def grouped_options(settings_class: type[Any]) -> dict[str, dict[str, Option]]:
    """Return the options of a settings class by the title of their group, in the order of the help.

    The title is the `help_group` of the class that declares an option, a ClassVar, or `Options`.
    """
    homes = {
        name: vars(base).get("help_group", UNGROUPED)
        for base in reversed(settings_class.__mro__)
        for name in inspect.get_annotations(base)
    }
    groups: dict[str, dict[str, Option]] = {}
    for name, declared in options_of(settings_class).items():
        groups.setdefault(homes.get(name, UNGROUPED), {})[name] = declared
    return groups


def table_key(attribute: str, declared: Tables) -> str:
    """Return the name that an array of tables has in the file."""
    return declared.key or option_name(attribute)


def _declarations_in(settings_class: type[Any], what: type[D]) -> dict[str, D]:
    """Return the options, or the tables, of a class. Raises TypeError for a field without a default."""
    fields = {field.name: field for field in attrs.fields(settings_class)}
    for name, field in fields.items():
        if _DECLARED not in field.metadata and field.init and field.default is attrs.NOTHING:
            raise TypeError(f"{settings_class.__name__}.{name} has neither option(…) nor a default")
    # attrs lists the fields of the bases first; people look for the service's own options first.
    annotated = [name for base in settings_class.__mro__ for name in inspect.get_annotations(base)]
    return {
        name: fields[name].metadata[_DECLARED]
        for name in dict.fromkeys([*annotated, *fields])
        if name in fields and isinstance(fields[name].metadata.get(_DECLARED), what)
    }
