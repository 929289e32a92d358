"""The declared options of a service as `twisted.python.usage.Options`, for twistd and twist."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import attrs
from twisted.python import usage

from logsrv.errors import ConfigurationError, HelpRequest
from logsrv.kit.observe._log_lines import start_failure_text
from logsrv.kit.observe._notify import report_refusal
from logsrv.kit.options.argument_parser import help_width
from logsrv.kit.options.declare import REQUIRED, Option, absent_options, option_name, options_of
from logsrv.kit.options.help import INFORMATIVE, SettingsParser, help_groups, help_text
from logsrv.kit.options.kinds import Kind
from logsrv.kit.options.load import CONFIG, LoadedSettings, SettingsSources, load_settings
from logsrv.kit.text.terminal import discard_unwritten_output

S = TypeVar("S")


class SettingsOptions(usage.Options, Generic[S]):
    """The base of the classes that `usage_options` returns.

    settings: the settings object, after `parseOptions`. loaded: the same with warnings. environment: the
    variables; None for os.environ at the time of parsing.

    `parseOptions` raises ConfigurationError with one sentence for a mistake, or one for each wrong key.
    As a subcommand of twistd or twist, which would not catch that, it ends the process: with the sentence
    on stderr and status 1, or with 78 (EX_CONFIG) under a service manager, which then does not try again.
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
        """Parse as our commands do, not as Twisted does: options may stand after arguments too."""
        groups = help_groups(self.settings_class)
        absent = absent_options(self.settings_class)
        parser = SettingsParser(self.name, groups, self.positional, self._text_of, absent)
        try:
            self._texts = parser.texts_of(words)
        except HelpRequest as wanted:
            _print_and_exit(wanted.text)
        self.postOptions()

    def _text_of(self, word: str) -> str:
        """Return the text of `--version`, `--help` or `--help-all`."""
        if word == "version":
            return f"{self.name} {self.version}\n"
        essential = () if word == "help-all" else self.essential
        return f"{self.getSynopsis()}\n{self._help(essential)}\n"

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
        """Read the file again; return settings from this file, and from the command line and the
        environment of the start.

        This changes `loaded`, but not `settings`. Raises ConfigurationError if the file is wrong now.
        """
        if self._sources is None:
            raise RuntimeError("reload() comes after parseOptions()")
        self.loaded = load_settings(self.settings_class, attrs.evolve(self._sources, again=True))
        return self.loaded.settings

    def getUsage(self, width: int | None = None) -> str:
        return self._help(self.essential, width)

    def _help(self, essential: Sequence[str], width: int | None = None) -> str:
        groups, wide = help_groups(self.settings_class), width or help_width()
        return help_text(groups, self.positional, self.name, self.description, wide, essential)


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
    # They are for Twisted's completions of zsh alone.
    flags: list[Any] = [["help-all", None, dict(INFORMATIVE)["help-all"]]]
    parameters: list[Any] = []
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
    taken = ["config", *dict(INFORMATIVE), *(f"no-{name}" for name in names)]
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
        print(text, end="", flush=True)
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
