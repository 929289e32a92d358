"""The values of options, parsed from each source; each value is kept together with its origin.

A wrong value raises ConfigurationError. Its sentence names the option, the value, its origin and the
accepted texts; for a long value, lines below it show the position of the mistake.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import Option, option_name
from logsrv.kit.options.kinds import WrongPartError
from logsrv.kit.options.mistakes import Mistakes
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, nearest_word, shown

COMMAND_LINE = "command line"


@attrs.frozen
class GivenValue:
    """A value, and its origin as a phrase, such as `environment, LOGSRV_SYNC`."""

    value: Any
    origin: str


GivenValues: TypeAlias = dict[str, GivenValue]
"""The values of one source, by attribute of the settings class."""


def values_from_arguments(
    options: Mapping[str, Option],
    arguments: Mapping[str, Sequence[str]],
    labels: Mapping[str, str],
    directory: Path,
) -> GivenValues:
    """Return the values of the command line. arguments, labels: as in `SettingsSources`."""
    level: GivenValues = {}
    for attribute, texts in arguments.items():
        option = options[attribute]
        label = labels.get(attribute, f"--{option_name(attribute)}")
        level[attribute] = _parse_texts(option, label, texts, COMMAND_LINE, directory)
    return level


def variable_prefix(name: str) -> str:
    """Return the prefix of a plugin's environment variables, such as `LOGSRV_` for the plugin `logsrv`."""
    return re.sub(r"\W", "_", name).upper() + "_"


def values_from_environment(
    options: Mapping[str, Option],
    environment: Mapping[str, str],
    name: str,
    directory: Path,
    absent: Mapping[str, str] = MappingProxyType({}),
) -> tuple[GivenValues, tuple[str, ...]]:
    """Return the values of the plugin's environment variables, and warnings about unknown ones.

    An empty variable counts as missing, because container files often set such. An unknown variable with
    the prefix is no error: Kubernetes sets LOGSRV_PORT and others in containers next to a service logsrv.
    absent: sentences about options that are missing, as in `absent_options`.
    """
    prefix = variable_prefix(name)
    for missing, why in absent.items():
        variable = prefix + missing.replace("-", "_").upper()
        if environment.get(variable):
            raise ConfigurationError(f"environment, {variable}: {why}")
    level: GivenValues = {}
    variables = {prefix + attribute.rstrip("_").upper(): attribute for attribute in options}
    for variable, attribute in variables.items():
        text = environment.get(variable, "")
        if not text:
            continue
        option = options[attribute]
        texts = [text]
        if option.repeatable and option.kind.separator is not None:
            texts = [part for part in re.split(option.kind.separator, text) if part]
        origin = f"environment, {variable}"
        label = f"--{option_name(attribute)}"
        level[attribute] = _parse_texts(option, label, texts, origin, directory)
    unknown = sorted(
        key
        for key in environment.keys() - variables.keys()
        if key.startswith(prefix) or key.upper() in variables
    )
    warnings = tuple(
        f"environment: {shown(key)} is no option of {name}{_variable_meant(key, prefix, variables)}"
        for key in unknown
    )
    return level, warnings


def _variable_meant(key: str, prefix: str, variables: Collection[str]) -> str:
    """Return a hint for an unknown variable; its prefix alone is like none."""
    names = {variable.removeprefix(prefix): variable for variable in variables}
    near = nearest_word(key.upper().removeprefix(prefix), list(names))
    return f" (did you mean {names[near]}?)" if near else ""


def values_from_table(
    options: Mapping[str, Option],
    table: Mapping[str, Any],
    origin: str,
    directory: Path,
    *,
    name: str,
    inner: str = "",
    outer: Collection[str] = (),
    also: Sequence[str] = (),
    absent: Mapping[str, str] = MappingProxyType({}),
) -> GivenValues:
    """Return the values in a table of the file, except for the keys in `also`, which the caller reads
    itself.

    Raises ConfigurationErrors for several wrong keys.

    name: of the plugin.
    inner: the key of a table `[[KEY]]`, whose keys are not options of the command line; "" for the top.
    outer: the keys of the top, which are often appended below such a table.
    absent: sentences about options that are missing, as in `absent_options`.
    """
    attributes = {option_name(attribute): attribute for attribute in options}
    level: GivenValues = {}
    mistakes = Mistakes()
    for key, found in table.items():
        if key in also:
            continue
        with mistakes.collected():
            if key not in attributes:
                raise _unknown_key_error(key, [*attributes, *also], origin, inner, outer, absent)
            option, where = options[attributes[key]], f"{origin}, key {key}"
            texts = _toml_value_texts(option, key, found, where)
            level[attributes[key]] = _parse_texts(option, key, texts, where, directory)
    mistakes.raise_found()
    return level


def _unknown_key_error(
    key: str,
    known: Sequence[str],
    origin: str,
    inner: str,
    outer: Collection[str],
    absent: Mapping[str, str],
) -> ConfigurationError:
    """Return the error for a key that is none. inner, outer, absent: as in `values_from_table`."""
    if key in absent:
        return ConfigurationError(f"{origin}, key {key}: {absent[key]}")
    if key in outer:
        return ConfigurationError(
            f"{origin}: {key} is no key of [[{inner}]]; write it above the first [[…]]"
        )
    return ConfigurationError(f"{origin}: unknown key {shown(key)}{did_you_mean(key, known)}")


def _toml_value_texts(option: Option, label: str, found: Any, origin: str) -> list[str]:
    """Return a TOML value as the texts that the command line would have for it."""
    wrong = partial(_wrong_value_error, option, label, origin)
    if found is False and option.off and bool not in option.kind.native:
        return ["off"]
    texts = []
    for value in found if option.repeatable and isinstance(found, list) else [found]:
        try:
            text = str(value)
        except ValueError:
            # Python's TOML reader takes a hexadecimal number of any length, but `str` refuses a very long
            # one.
            raise wrong("0x…", "a number of too many digits") from None
        if isinstance(value, str):
            texts.append(text)
        elif type(value) in option.kind.native:
            texts.append(text.lower())
        else:
            raise wrong(text, f"{_toml_type_name(value)} in TOML")
    return texts


def _toml_type_name(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a float", list: "an array"}
    return (names | {dict: "a table"}).get(type(value), "a date or time")


def _parse_texts(
    option: Option, label: str, texts: Sequence[str], origin: str, directory: Path
) -> GivenValue:
    if option.repeatable and option.off and "off" in texts:
        if set(texts) != {"off"}:
            said = "off cannot be combined with other values"
            raise _wrong_value_error(option, label, origin, " ".join(texts), said)
        return GivenValue(option.nothing, origin)
    values = []
    for text in texts:
        try:
            off = option.off and text == "off"
            values.append(
                option.nothing if off else option.kind.locate(option.kind.parse(text), directory)
            )
        except ValueError as error:
            wrong = _wrong_value_error(option, label, origin, text, str(error))
            if isinstance(error, WrongPartError):
                # It says what to write at that position.
                sentence = one_line(str(error)).rstrip(".;")
                wrong = ConfigurationError(
                    f"{label} {shown(text)} ({origin}): {sentence}\n{error.picture}"
                )
            raise wrong from error
    return GivenValue(tuple(values) if option.repeatable else values[-1], origin)


def _wrong_value_error(
    option: Option, label: str, origin: str, text: str, wrong: str
) -> ConfigurationError:
    wrong = one_line(wrong).rstrip(".;")
    tail = (
        "" if _says_what_is_accepted(wrong, option.accepted) else f"; accepted: {option.accepted}"
    )
    return ConfigurationError(f"{label} {shown(text)} ({origin}): {wrong}{tail}")


def _says_what_is_accepted(wrong: str, accepted: str) -> bool:
    """Return whether the words of an error say already which values are accepted."""
    core = accepted.partition(", such as ")[0]
    is_missing = core.startswith("an existing ") and wrong.startswith("there is no ")
    return is_missing or core in wrong or "known are " in wrong
