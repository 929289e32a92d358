"""The declared options of a service as `twisted.python.usage.Options`, for twistd and twist."""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import attrs
from twisted.python import usage

from logsrv.errors import ConfigurationError
from logsrv.kit.observe.log_lines import start_failure_text
from logsrv.kit.observe.notify import report_refusal
from logsrv.kit.options.declare import REQUIRED, Option, option_name, options_of
from logsrv.kit.options.gone import gone_sentence
from logsrv.kit.options.help import help_groups, help_text
from logsrv.kit.options.kinds import Kind
from logsrv.kit.options.load import CONFIG, LoadedSettings, SettingsSources, load_settings
from logsrv.kit.options.sources import COMMAND_LINE
from logsrv.kit.text.terminal import discard_unwritten_output
from logsrv.kit.text.words import did_you_mean, shown

S = TypeVar("S")
INFORMING = ("help", "help-all", "version")


class SettingsOptions(usage.Options, Generic[S]):
    """The base of the classes that `usage_options` returns.

    settings: the settings object, after `parseOptions`. loaded: the same with warnings. environment: the
    variables; None for os.environ at the time of parsing.

    `parseOptions` raises ConfigurationError with one sentence for any mistake. As a subcommand of twistd or
    twist, which would not catch that, it ends the process: with the sentence on stderr and status 1, or
    with 78 (EX_CONFIG) under a service manager, which then does not try again.
    """

    settings_class: type[S]
    name: str
    version: str
    description: str = ""
    synopsis: str = "[options]"
    positional: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None

    settings: S
    loaded: LoadedSettings[S]

    def __init__(self) -> None:
        super().__init__()
        self._declared: dict[str, Option] = {"config": CONFIG, **options_of(self.settings_class)}
        self._attributes = {option_name(attribute): attribute for attribute in self._declared}
        self._texts: dict[str, list[str]] = {}
        self._sources: SettingsSources | None = None

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        words = list(sys.argv[1:] if options is None else options)
        if words[-2:-1] == ["--_shell-completion"]:
            # Before any check, because the command line is not finished.
            super().parseOptions(words)
        try:
            self._parse(words)
        except ConfigurationError as error:
            if self.parent is None:
                raise
            sentence = f"{_program_prefix()}{self.name}: {error}"
            status = report_refusal(sentence, os.environ)
            if status == 1:
                raise SystemExit(start_failure_text(sentence)) from None
            print(start_failure_text(sentence), file=sys.stderr, flush=True)
            raise SystemExit(status) from None

    def _parse(self, words: list[str]) -> None:
        """Parse as Twisted's `parseOptions` does, but accept options after positional arguments too."""
        try:
            found, arguments = getopt.gnu_getopt(words, self.shortOpt, self.longOpt)
        except getopt.GetoptError as error:
            raise ConfigurationError(self._refused_option_text(error.opt)) from None
        for dashed, text in found:
            name = dashed.removeprefix("--")
            if name in INFORMING:
                getattr(self, f"opt_{name.replace('-', '_')}")()
            elif f"{name}=" in self.longOpt:
                self._add_text(name, text)
            elif name in self._attributes:
                self._add_text(name, "true")
            else:
                self._add_text(name.removeprefix("no-"), "false")
        self.parseArgs(*arguments)
        self.postOptions()

    def _add_text(self, name: str, text: str) -> None:
        self._texts.setdefault(self._attributes[name], []).append(text)

    def _refused_option_text(self, name: str) -> str:
        """Return a sentence about an option that getopt refused."""
        known = {option.rstrip("="): option for option in self.longOpt}
        dashes = "--" if len(name) > 1 else "-"
        begins = [f"--{option}" for option in known if option.startswith(name)]
        if name in known and known[name].endswith("="):
            declared = self._declared[self._attributes[name]]
            return f"--{name} ({COMMAND_LINE}): no value; accepted: {declared.accepted}"
        if name in known:
            return f"--{name} ({COMMAND_LINE}): takes no value"
        if len(begins) > 1 and len(name) > 1:
            return f"{dashes}{name} ({COMMAND_LINE}): could be {', '.join(begins)}"
        if gone := gone_sentence(self.name, dashes + name):
            return f"{dashes}{name} ({COMMAND_LINE}): {gone}"
        meant = did_you_mean(name, [f"--{option}" for option in known])
        return f"{shown(dashes + name)} ({COMMAND_LINE}): no such option{meant}"

    def parseArgs(self, *arguments: str) -> None:
        waiting = list(self.positional)
        for text in arguments:
            if not waiting:
                raise ConfigurationError(self._surplus_argument_text(text))
            self._texts.setdefault(waiting[0], []).append(text)
            if not self._declared[waiting[0]].repeatable:
                waiting.pop(0)

    def _surplus_argument_text(self, text: str) -> str:
        meant = did_you_mean(text, ["--" + option.rstrip("=") for option in self.longOpt])
        taken = " ".join(map(option_name, self.positional)).upper()
        only = f"options and {taken}" if taken else "options only"
        return f"{shown(text)} ({COMMAND_LINE}): {self.name} takes {only}{meant}"

    def postOptions(self) -> None:
        environment = os.environ if self.environment is None else self.environment
        self._sources = SettingsSources(
            name=self.name,
            directory=_current_directory(),
            environment=dict(environment),
            arguments=self._texts,
            labels={attribute: option_name(attribute).upper() for attribute in self.positional},
        )
        self.loaded = load_settings(self.settings_class, self._sources)
        self.settings = self.loaded.settings

    def reload(self) -> S:
        """Read the file again; return settings with the command line and environment of the start.

        This changes `loaded`, but not `settings`. Raises ConfigurationError if the file is wrong now.
        """
        if self._sources is None:
            raise RuntimeError("reload() comes after parseOptions()")
        self.loaded = load_settings(self.settings_class, attrs.evolve(self._sources, again=True))
        return self.loaded.settings

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        _print_and_exit(f"{self.name} {self.version}")

    def opt_help(self) -> NoReturn:
        """Print this help and exit."""
        _print_and_exit(str(self))

    def opt_help_all(self) -> NoReturn:
        """Print all options and exit."""
        self.essential = ()
        self.opt_help()

    def getUsage(self, width: int | None = None) -> str:
        columns = os.environ.get("COLUMNS", "")
        wide = width or (int(columns) if columns.isdecimal() else 80)
        groups = help_groups(self.settings_class)
        return help_text(groups, self.positional, self.name, self.description, wide, self.essential)


def usage_options(
    settings_class: type[S],
    *,
    name: str,
    version: str,
    description: str = "",
    positional: Sequence[str] = (),
    essential: Sequence[str] = (),
) -> type[SettingsOptions[S]]:
    """Return the `usage.Options` class of a settings class.

    name: the plugin's name on the command line. description: the text above the options in the help:
        paragraphs, which are wrapped, and indented parts such as an example, which stay as they are.
    essential: attributes of the options that `--help` shows; `--help-all` shows the others too. () for
        all.
    positional: attributes that take the positional arguments, in order; a repeatable one must be the
        last, and takes all that are left.

    Raises TypeError for declarations that cannot work.
    """
    declared = {"config": CONFIG, **options_of(settings_class)}
    _check_option_names(settings_class, positional)
    flags, parameters = [], []
    for attribute, option in declared.items():
        long = option_name(attribute)
        if attribute in positional:
            continue
        if option.kind.is_flag:
            flags += [[long, None, option.help], [f"no-{long}", None, f"not --{long}"]]
        else:
            parameters.append([long, None, None, option.help])
    arguments = ["[options]"]
    for attribute in positional:
        word = option_name(attribute).upper()
        arguments.append(word if declared[attribute].default is REQUIRED else f"[{word}]")
    body = {
        "__doc__": f"The options of {name}.",
        "optFlags": flags,
        "optParameters": parameters,
        "settings_class": settings_class,
        "name": name,
        "version": version,
        "positional": tuple(positional),
        "essential": tuple(essential),
        "description": description,
        "synopsis": " ".join(arguments),
        "compData": _completions(declared, positional),
    }
    return type(f"{settings_class.__name__}Usage", (SettingsOptions,), body)


def _check_option_names(settings_class: type[Any], positional: Sequence[str]) -> None:
    options = options_of(settings_class)
    names = {option_name(attribute) for attribute in options}
    taken = ["config", *INFORMING, *(f"no-{name}" for name in names)]
    for name in names:
        if name in taken or len(name) == 1:
            why = "is taken" if name in taken else "is one letter, and a name has two or more"
            raise TypeError(f"an option cannot be named {name}: --{name} {why}")
    for attribute in positional[:-1]:
        if options[attribute].repeatable:
            raise TypeError(f"{attribute} takes all arguments that are left: it must be the last")


def _completions(declared: Mapping[str, Option], positional: Sequence[str]) -> usage.Completions:
    named = {key: option for key, option in declared.items() if key not in positional}
    return usage.Completions(
        optActions={
            option_name(attribute): _completion_action(option.kind)
            for attribute, option in named.items()
            if not option.kind.is_flag
        },
        multiUse=[option_name(key) for key, option in named.items() if option.repeatable],
        extraActions=[
            _completion_action(declared[key].kind, option_name(key), declared[key].repeatable)
            for key in positional
        ],
    )


def _completion_action(
    kind: Kind[Any], description: str | None = None, repeat: bool = False
) -> Any:
    wanted = kind.completion
    about = {"descr": description, "repeat": repeat}
    if isinstance(wanted, tuple):
        return usage.CompleteList(list(wanted), **about)
    if wanted == "files":
        return usage.CompleteFiles(**about)
    return (usage.CompleteDirs if wanted == "directories" else usage.Completer)(**about)


def _print_and_exit(text: str) -> NoReturn:
    """Print a text, and end the process with status 0, also if the reader of the output has gone."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard_unwritten_output()
    except OSError as error:
        discard_unwritten_output()
        raise SystemExit(f"standard output: {error.strerror}") from None
    sys.exit(0)


def _current_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "the current directory is not there any more; change to one that is"
        ) from None


def _program_prefix() -> str:
    """Return `twistd `; "" when the program's name is not a plain word."""
    program = os.path.basename(sys.argv[0])
    return f"{program} " if program.isidentifier() else ""
