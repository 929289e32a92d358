"""Settings from the command line, the environment, a TOML file and the defaults; the first of these wins.

Every value is checked, also one that another source overrules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import (
    REQUIRED,
    Option,
    absent_options,
    option_name,
    options_of,
    table_key,
    tables_of,
)
from logsrv.kit.options.doubtful_values import warnings_about
from logsrv.kit.options.files import names_descriptor
from logsrv.kit.options.kinds import PATH
from logsrv.kit.options.lone_keys import MadeTable, warnings_about_lone_keys
from logsrv.kit.options.mistakes import Mistakes
from logsrv.kit.options.overruled import unused_tables, unused_values
from logsrv.kit.options.sources import (
    GivenValue,
    GivenValues,
    values_from_arguments,
    values_from_environment,
    values_from_table,
)
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH, one_line
from logsrv.kit.text.words import shown
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from logsrv.kit.options import toml_file
else:
    toml_file = later_module("logsrv.kit.options.toml_file")

S = TypeVar("S")
DEFAULT = "default"
CONFIG = Option(default=None, kind=PATH, help="read options from this TOML file")
"""The option `--config`."""


@attrs.frozen(kw_only=True)
class SettingsSources:
    """The sources of settings.

    name: the plugin's name; in upper case it is the prefix of the environment variables.
    directory: an absolute path. Relative paths on the command line, in the environment and in defaults
        start there. Relative paths in the file start in the file's own directory, so that it means the
        same wherever the server is started; if the file is a pipe, they start in `directory`.
    arguments: the texts on the command line for each attribute, in order; `config` names the file.
    labels: the names on the command line of attributes that are not `--name`, such as positional ones.
    again: true for a reload.
    """

    name: str
    directory: Path
    environment: Mapping[str, str] = {}
    arguments: Mapping[str, Sequence[str]] = {}
    labels: Mapping[str, str] = {}
    again: bool = False


@attrs.frozen(kw_only=True)
class LoadedSettings(Generic[S]):
    """Settings, with sentences for the log about doubtful or ignored values. file: the file of --config;
    None without this option.

    unused: sentences about values in whose place a stronger source gives another one.
    """

    settings: S
    warnings: tuple[str, ...]
    file: Path | None = None
    unused: tuple[str, ...] = ()


def load_settings(settings_class: type[S], sources: SettingsSources) -> LoadedSettings[S]:
    """Return the settings that all sources give together.

    Raises ConfigurationError with a sentence for the first mistake, ConfigurationErrors for several in the
    file.
    """
    options = options_of(settings_class)
    known = {**options, "config": CONFIG}
    directory = sources.directory
    arguments = values_from_arguments(known, sources.arguments, sources.labels, directory)
    environment, warnings = values_from_environment(
        known, sources.environment, sources.name, directory, absent_options(settings_class)
    )
    overruling = environment | arguments
    config = overruling.pop("config", GivenValue(None, DEFAULT))
    file, written = _read_config_file(settings_class, config, sources)
    given = file | overruling
    unused = [*unused_values((arguments, environment, file), sources.labels)]
    values = {
        attribute: given[attribute].value
        if attribute in given
        else _default_value(
            option, sources.labels.get(attribute, f"--{option_name(attribute)}"), directory
        )
        for attribute, option in options.items()
    }
    made: dict[str, list[MadeTable]] = {}
    for attribute, declared in tables_of(settings_class).items():
        tables, shorthand = written.get(attribute, []), declared.shorthand
        if shorthand is not None:
            if tables and shorthand in overruling:
                origin = shown(str(config.value), SHOWN_PATH_LENGTH)
                key = table_key(attribute, declared)
                unused.append(unused_tables(origin, key, overruling[shorthand], shorthand))
                tables = []
            tables = _with_shorthand(shorthand, tables, values, given)
        enclosing = {
            name: values[name]
            for name, option in options_of(declared.settings_class).items()
            if name in options and _inherits_value(option, options[name], given=name in given)
        }
        made[attribute] = _make_tables(
            declared.settings_class, tables, enclosing, overruling, directory
        )
        values[attribute] = tuple(one.made for one in made[attribute])
        for one in made[attribute]:
            warnings += (*warnings_about(one.made, one.given),)
    settings = _make_settings(settings_class, values, "")
    warnings += (*warnings_about(settings, given), *warnings_about_lone_keys(settings, made, given))
    return LoadedSettings(
        settings=settings, warnings=warnings, file=config.value, unused=tuple(unused)
    )


_TablesInFile = list[tuple[str, GivenValues]]
"""The tables of one array in the file, each with its location as a phrase."""


def _with_shorthand(
    shorthand: str, tables: _TablesInFile, values: dict[str, Any], given: GivenValues
) -> _TablesInFile:
    """Return a table for each value of the shorthand, such as --listen, and then the tables of the file.

    Without a given value, the default of the shorthand is removed from `values` if the file has tables.
    """
    if tables and shorthand not in given:
        values[shorthand] = ()
    origin = given[shorthand].origin if shorthand in given else DEFAULT
    short = [(origin, {shorthand: GivenValue(one, origin)}) for one in values[shorthand]]
    return short + tables


def _make_tables(
    settings_class: type[Any],
    tables: _TablesInFile,
    enclosing: Mapping[str, Any],
    overruling: GivenValues,
    directory: Path,
) -> list[MadeTable]:
    """Return the settings of all tables of a kind. Raises ConfigurationErrors for the mistakes of all."""
    made = []
    mistakes = Mistakes()
    for location, level in tables:
        with mistakes.collected():
            one = _make_table(settings_class, location, level, enclosing, overruling, directory)
            made.append(MadeTable(one, location, level))
    mistakes.raise_found()
    return made


def _read_config_file(
    settings_class: type[Any], config: GivenValue, sources: SettingsSources
) -> tuple[GivenValues, dict[str, _TablesInFile]]:
    """Return the options of the file's top level, and its arrays of tables by attribute."""
    if config.value is None:
        return {}, {}
    document = toml_file.read_toml_file(config.value, config.origin, again=sources.again)
    origin = shown(str(config.value), SHOWN_PATH_LENGTH)
    directory = sources.directory if names_descriptor(config.value) else config.value.parent
    arrays = tables_of(settings_class)
    options_here = {option_name(attribute) for attribute in options_of(settings_class)}
    names = _names_of_arrays(settings_class, document, origin)
    top: GivenValues = {}
    written: dict[str, _TablesInFile] = {}
    mistakes = Mistakes()
    with mistakes.collected():
        top = values_from_table(
            options_of(settings_class),
            document,
            origin,
            directory,
            name=sources.name,
            also=names,
            absent=absent_options(settings_class),
        )
    for attribute, declared in arrays.items():
        name = table_key(attribute, declared)
        found = document.get(name, []) if name in names else []
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            with mistakes.collected():
                raise ConfigurationError(
                    f"{origin}, key {name}: not an array of tables; begin each table with [[{name}]]"
                )
            continue
        options = options_of(declared.settings_class)
        written[attribute] = []
        for number, table in enumerate(found, 1):
            location = f"{origin}, {name} {number}"
            with mistakes.collected():
                level = values_from_table(
                    options,
                    table,
                    location,
                    directory,
                    name=sources.name,
                    inner=name,
                    outer=options_here,
                )
                written[attribute].append((location, level))
    mistakes.raise_found()
    return top, written


def _names_of_arrays(
    settings_class: type[Any], document: Mapping[str, Any], origin: str
) -> list[str]:
    """Return the keys of the file that are arrays of tables, not options. Raises ConfigurationError."""
    options = {option_name(attribute) for attribute in options_of(settings_class)}
    names = []
    for attribute, declared in tables_of(settings_class).items():
        name = table_key(attribute, declared)
        if declared.shorthand not in (None, name) and _has_table(document.get(declared.shorthand)):
            raise ConfigurationError(
                f"{origin}, key {declared.shorthand}: not the name of a table (did you mean [[{name}]]?)"
            )
        if name not in options or _has_table(document.get(name)):
            names.append(name)
    return names


def _has_table(found: Any) -> bool:
    return isinstance(found, dict) or (isinstance(found, list) and dict in map(type, found))


def _make_table(
    settings_class: type[S],
    location: str,
    level: GivenValues,
    enclosing: Mapping[str, Any],
    overruling: GivenValues,
    directory: Path,
) -> S:
    """Return the settings of a table.

    level: the values in the table. enclosing: the values that it inherits. overruling: the values that win
    over the file.
    """
    values = {}
    for attribute, option in options_of(settings_class).items():
        inherited = attribute in enclosing
        if attribute in level and not (inherited and attribute in overruling):
            values[attribute] = level[attribute].value
        elif inherited:
            values[attribute] = enclosing[attribute]
        else:
            values[attribute] = _default_value(
                option, f"{location}: {option_name(attribute)}", directory
            )
    return _make_settings(settings_class, values, location)


def _inherits_value(option: Option, enclosing: Option, *, given: bool) -> bool:
    """Return whether a table takes the value of the enclosing option of the same name.

    If it is declared in both classes, and not in a base of both, each has its own default.
    """
    if option is enclosing:
        return True
    alike = (option.repeatable, option.accepted) == (enclosing.repeatable, enclosing.accepted)
    return given and alike


def _default_value(option: Option, label: str, directory: Path) -> Any:
    if option.default is REQUIRED:
        raise ConfigurationError(f"{label} is missing; accepted: {option.accepted}")
    try:
        return option.default_value(directory)
    except ConfigurationError as error:
        raise ConfigurationError(f"{label}: {error}") from error


def _make_settings(settings_class: type[S], values: Mapping[str, Any], location: str) -> S:
    try:
        return settings_class(**values)
    except ValueError as error:
        sentence = one_line(str(error))
        raise ConfigurationError(f"{location}: {sentence}" if location else sentence) from error
