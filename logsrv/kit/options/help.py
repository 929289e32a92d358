"""The parser of a plugin's options, and the help of the plugin: the options in groups, their values, and
their other sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.kit.options.argument_parser import HelpFormatter, Parser
from logsrv.kit.options.declare import REQUIRED, UNGROUPED, Option, grouped_options, option_name
from logsrv.kit.options.load import CONFIG
from logsrv.kit.options.sources import COMMAND_LINE, variable_prefix
from logsrv.kit.text.words import did_you_mean, shown

NARROWEST = 40
LEFT_COLUMN = 30
INFORMATIVE = (
    ("version", "print the version and exit"),
    ("help", "print the help and exit"),
    ("help-all", "print all options and exit"),
)
"""The options of every plugin that only print something, and what each of them does."""


def help_groups(settings_class: type[Any]) -> dict[str, dict[str, Option]]:
    """Return the options of a plugin by the title of their group; the first group begins with
    `--config`.
    """
    groups = grouped_options(settings_class) or {UNGROUPED: {}}
    title = next(iter(groups))
    return {**groups, title: {"config": CONFIG, **groups[title]}}


class SettingsParser(Parser):
    """A parser that returns the texts of each option of a plugin, by the attribute of the option.

    Its sentences and its help are those of `twistd PLUGIN`. It accepts abbreviations, as other plugins do.
    """

    def __init__(
        self,
        name: str,
        groups: Mapping[str, Mapping[str, Option]],
        positional: Sequence[str] = (),
        show: Callable[[str], str] = str,
        absent: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """groups: the options by title. show: returns what `--help` and others of INFORMATIVE show.

        absent: sentences about options that are missing, as in `absent_options`.
        """
        super().__init__(name, "", add_help=False)
        self.usage = argparse.SUPPRESS
        self._declared = {key: option for group in groups.values() for key, option in group.items()}
        self._arguments = " ".join(map(option_name, positional)).upper()
        self._absent = absent
        add_settings(self, groups, positional)
        information = self.add_argument_group("Information")
        for word, about in INFORMATIVE:
            self.add_text(f"--{word}", text=partial(show, word), help=about, to=information)

    def texts_of(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of each given option. Raises ConfigurationError, HelpRequest."""
        found = vars(self.parse_args(words))
        return {key: text if isinstance(text, list) else [text] for key, text in found.items()}

    def option_in(self, word: str) -> tuple[str, str | None]:
        name, value = super().option_in(word)
        begins = self._names_beginning(name)
        return (begins[0] if len(begins) == 1 else name), value

    def _names_beginning(self, name: str) -> list[str]:
        known = self._option_string_actions
        found = [one for one in known if one.startswith(name) and name.startswith("--")]
        return [name] if name in found else found

    def unknown_option(self, name: str) -> ConfigurationError:
        known = [*self._option_string_actions]
        if len(begins := self._names_beginning(name)) > 1:
            return _mistake(name, f"could be {', '.join(begins)}")
        if why := self._absent.get(name.removeprefix("--").removeprefix("no-")):
            return _mistake(name, why)
        return _mistake(name, f"no such option{did_you_mean(name, known)}")

    def missing_value(self, action: argparse.Action, name: str) -> ConfigurationError:
        return _mistake(name, f"no value; accepted: {self._declared[action.dest].accepted}")

    def needless_value(self, action: argparse.Action, name: str, value: str) -> ConfigurationError:
        return _mistake(name, "takes no value")

    def surplus_argument(self, word: str) -> ConfigurationError:
        only = f"options and {self._arguments}" if self._arguments else "options only"
        meant = did_you_mean(word, [*self._option_string_actions])
        return _mistake(word, f"{self.prog} takes {only}{meant}")


def _mistake(word: str, sentence: str) -> ConfigurationError:
    return ConfigurationError(f"{shown(word)} ({COMMAND_LINE}): {sentence}")


class _Flag(argparse.Action):
    """`--raw` and `--no-raw`, of which the last one counts."""

    def __call__(
        self, _: object, namespace: argparse.Namespace, __: object, name: Any = ""
    ) -> None:
        text = "true" if name == self.option_strings[0] else "false"
        setattr(namespace, self.dest, text)


class _Formatter(HelpFormatter):
    def _format_action_invocation(self, action: argparse.Action) -> str:
        if isinstance(action, _Flag):
            return f"--[no-]{action.option_strings[0].removeprefix('--')}"
        return super()._format_action_invocation(action)


def add_settings(
    parser: Parser,
    groups: Mapping[str, Mapping[str, Option]],
    positional: Collection[str],
    without: Collection[str] = (),
) -> None:
    """Add the options of a plugin to a parser, except those whose names are in `without`."""
    for title, options in groups.items():
        group = parser.add_argument_group(title)
        for attribute, option in options.items():
            word = option_name(attribute)
            if f"--{word}" in without:
                continue
            names: Sequence[str] = (f"--{word}",)
            more: dict[str, Any] = {"metavar": option.kind.metavar}
            if attribute in positional:
                names = (attribute,)
                more = {"metavar": word.upper(), "nargs": "*" if option.repeatable else "?"}
            elif option.kind.is_flag:
                names = (f"--{word}", f"--no-{word}")
                more = {"action": _Flag, "nargs": 0}
            elif option.repeatable:
                more["action"] = "append"
            about = f"{option.help} ({option_remarks(option)})".replace("%", "%%")
            group.add_argument(*names, **more, default=argparse.SUPPRESS, help=about)


def help_text(
    groups: Mapping[str, Mapping[str, Option]],
    positional: Sequence[str],
    name: str,
    description: str,
    width: int,
    essential: Sequence[str] = (),
) -> str:
    """Return the help of the plugin `name`: the options in groups, their values, and their other sources.

    width: columns of the terminal. essential: the attributes of the options to show; () for all.
    """
    total = sum(map(len, groups.values()))
    every = {key: option for options in groups.values() for key, option in options.items()}
    if essential:
        every = {key: every[key] for key in essential}
        groups = {"Most used options": every}
    if "Example" not in description:
        description += f"\n\nExample:\n\n  {example_command(name, every, positional)}"
    parser = SettingsParser(name, groups, positional)
    parser.formatter_class = partial(
        _Formatter, width=max(width, NARROWEST), left_column=LEFT_COLUMN
    )
    parser.description = description
    values = parser.add_argument_group("Values")
    kinds: dict[str, str] = {}
    for option in every.values():
        if _is_explained_below(option):
            kinds.setdefault(option.kind.metavar, option.kind.accepted)
    for word, accepted in kinds.items():
        values.add_argument(f"the value {word}", metavar=word, help=accepted.replace("%", "%%"))
    parser.epilog = (
        f"Options are also taken from the environment, as {variable_prefix(name)}..., and from the "
        "file of --config, in TOML; the command line comes before the environment, the environment "
        "before the file. The value off switches off an option that is off by default, or may be."
    )
    if essential:
        shown_here = f"These are {len(every)} of {total} options; --help-all shows all."
        parser.epilog = f"{shown_here} {parser.epilog}"
    return parser.format_help()


def example_command(
    name: str, options: Mapping[str, Option], positional: Sequence[str] = ()
) -> str:
    """Return a command line that starts the plugin `name`, with the required options."""
    words = ["twistd -n", name]
    for attribute, option in options.items():
        if option.default is REQUIRED:
            word = option_name(attribute)
            is_argument = attribute in positional
            words.append(word.upper() if is_argument else f"--{word} {option.kind.metavar}")
    return " ".join(words)


def option_remarks(option: Option) -> str:
    """Return the remarks in brackets after an option in the help: its default, whether it is repeatable."""
    notes = [f"default: {option.default_text}"]
    if option.default is REQUIRED:
        notes = ["required"]
    if option.off and not option.kind.is_flag and option.default_text != "off":
        notes.append("may be off")
    if option.repeatable:
        notes.append("repeatable")
    if option.kind.metavar == "NUMBER":
        notes.insert(0, option.kind.accepted)
    return "; ".join(notes)


def _is_explained_below(option: Option) -> bool:
    """Return whether the help explains the option's word under `Values`, as it does for SIZE."""
    metavar = option.kind.metavar
    return bool(metavar) and "|" not in metavar and metavar != "NUMBER"
