"""Names that docs/compatibility.md promises to keep, one on each line, as the code has them today.

A release keeps its own as tests/corpus/promised/VERSION.txt, which `make golden` writes.

Each line is what a user, a script, a configuration or a plugin names. It says no more than the promise: the
help of an option may change; its name, its word for a value and its default may not.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from docs.generate import CATALOGUES, OURS
from logsrv.cli import main as logsrv_main
from logsrv.cli.command import COMMANDS, parser_of
from logsrv.gopher.command import main as gopher
from logsrv.gopher.wire.errors import GopherError
from logsrv.kit.observe.metrics import exposed_name
from logsrv.kit.options import argument_parser
from logsrv.kit.options.declare import Option, option_name, options_of, table_key, tables_of
from logsrv.kit.options.usage import SettingsOptions
from logsrv.linelog.alerts.alert_settings import AlertOptions
from logsrv.linelog.alerts.page.page_api import PageApi
from logsrv.linelog.http.endpoints import openapi_document
from logsrv.linelog.http.part_endpoints import PartEndpoints
from logsrv.linelog.query.stage import all_stages
from logsrv.linelog.stages import figures
from tests.parts.answer_types import ALIASES, INTERFACES, PATHS, Member, interfaces_in

SOMETIMES = ", not always"
KIT = ("logsrv.kit", "logsrv.kit.testing", "logsrv.inputs")
DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("kit.md", "kit-reference.md", "inputs.md", "cookbook.md", "shipping.md")
"""Pages for authors of plugins. Methods and attributes that none of them names are no promise."""


OLD_FORMS = {
    f"logsrv.inputs.{old}": f"logsrv.inputs.{new}"
    for old, new in {
        "HttpFormat(name, place, about='')": "HttpFormat(name, reference, about='')",
        "HttpFormat.place": "HttpFormat.reference",
        "InputFormat(name, place, about='', options=(), joins=False)": (
            "InputFormat(name, reference, about='', options=(), joins=False)"
        ),
        "InputFormat.place": "InputFormat.reference",
    }.items()
} | {
    "logsrv.kit.testing.MemoryService.far(self, place)": (
        "logsrv.kit.testing.MemoryService.far(self, endpoint)"
    )
}
"""Old forms, each with the new one: both are accepted, as docs/compatibility.md says and tests try."""


def promised_names() -> list[str]:
    """Return all lines, sorted, each once."""
    return sorted(
        {
            *_options(),
            *_commands(),
            *_statuses(),
            *_metrics(),
            *_query_words(),
            *_requests(),
            *_answers(),
            *_kit_names(),
        }
    )


def broken_promises(kept: Iterable[str], today: Iterable[str]) -> list[str]:
    """Return the lines of a release that do not hold today.

    A function may get further arguments at its end, if each has a default; an option a short form. A metric
    may get the label `rule`: it is empty, and so not there, for what the metric had before. A member of an
    answer that was not always there may always be there, and one that is a word out of some may be another.
    """
    have = set(today)
    have |= {re.sub(r", rule\b", "", one) for one in have if one.startswith("metric ")}
    have |= {re.sub(r"^(logsrv .* --\S+) -\w\b", r"\1", one) for one in have}
    calls: dict[str, str] = {}
    for line in have:
        name, bracket, arguments = line.partition("(")
        if bracket and " " not in name:
            calls[name] = arguments

    members = {" ".join(one.split(" ")[:3]): one for one in have if one.startswith("answer ")}

    def holds(line: str) -> bool:
        if line.startswith("answer "):
            return line in have or _answers_as(line, members.get(" ".join(line.split(" ")[:3]), ""))
        line = OLD_FORMS.get(line, line)
        name, _, arguments = line.partition("(")
        before = arguments.removesuffix(")")
        found = re.search(r", \*\*\w+$", before)
        # Further arguments stand before those of any name.
        last = found[0] if found else ""
        before = before.removesuffix(last)
        more = ("" if before else ", ") + calls.get(name, "").removeprefix(before)
        return line in have or bool(
            re.fullmatch(r"(, (\*|\w+=[^,]+))+" + re.escape(last) + r"\)", more)
        )

    return [line for line in kept if not holds(line)]


def _answers_as(kept: str, today: str) -> bool:
    """Return whether a member of an answer is as a release promised it."""
    if today in (kept, kept.removesuffix(SOMETIMES)):
        return True
    before, now = (set(one.split(" ", 3)[-1].split(" | ")) for one in (kept, today))
    return before < now and all(word.startswith('"') for word in before | now)


def _options() -> Iterator[str]:
    for maker in getPlugins(IServiceMaker):
        if maker.tapname not in OURS:
            continue
        usage = maker.options()
        assert isinstance(usage, SettingsOptions)
        for name, option in options_of(usage.settings_class).items():
            yield f"twistd {maker.tapname} --{_option(name, option)}"
        for name, declared in tables_of(usage.settings_class).items():
            key = table_key(name, declared)
            for inner, option in options_of(declared.settings_class).items():
                yield f"twistd {maker.tapname} [[{key}]] {_option(inner, option)}"


def _option(name: str, option: Option) -> str:
    repeated = ", repeatable" if option.repeatable else ""
    word = f" {option.kind.metavar}" if option.kind.metavar else ""
    return f"{option_name(name)}{word}{repeated}, default {option.default_text}"


def _commands() -> Iterator[str]:
    parsers = {f"logsrv {name}": parser_of(one) for name, one in COMMANDS.ours().items()}
    parsers |= {f"gopher {name}".strip(): gopher.parser_of(name) for name in ("", *gopher.COMMANDS)}
    for name, parser in parsers.items():
        for action in parser.declared():
            if action.help != argparse.SUPPRESS:
                forms = " ".join(action.option_strings) or str(action.metavar or action.dest)
                yield f"{name} {forms}{_value(action)}"


def _value(action: argparse.Action) -> str:
    """Return what an option takes: its word or its choices; a number after it for how many."""
    if not action.option_strings or action.nargs == 0:
        return ""
    word = action.metavar or "|".join(map(str, action.choices or [action.dest.upper()]))
    return f" {word}"


def _statuses() -> Iterator[str]:
    """Yield each exit status with its name, of logsrv and of gopher."""
    for name in ("FAILED", "USAGE", "INTERRUPTED"):
        yield f"exit status logsrv {name.lower()} {getattr(logsrv_main, name)}"
    yield f"exit status logsrv wrong-option {argument_parser.USAGE}"
    for name in ("FAILED", "USAGE", "INTERRUPTED", "TERMINATED", "PIPE_CLOSED"):
        yield f"exit status gopher {name.lower()} {getattr(gopher, name)}"
    waiting = [GopherError]
    while waiting:
        error = waiting.pop()
        yield f"exit status gopher {error.code} {error.exit_status}"
        waiting += error.__subclasses__()


def _metrics() -> Iterator[str]:
    for metric in (each for one in CATALOGUES.values() for each in one):
        labels = f" by {', '.join(metric.labels)}" if metric.labels else ""
        yield f"metric {exposed_name(metric)} {metric.kind}{labels}"


def _query_words() -> Iterator[str]:
    for stage in all_stages():
        yield from (f"query | {name}" for name in stage.names)
        for word in stage.completion.words:
            yield f"query | {stage.names[0]} … {word}"
    yield from (f"query | {name} FIELD" for name in figures.NAMES)


def _requests() -> Iterator[str]:
    alerts = PageApi(Mock(), Mock(), AlertOptions()).endpoints()
    paths = openapi_document(PartEndpoints(alerts).openapi_paths())["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            yield name
            for one in operation["parameters"]:
                required = " required" if one["required"] else ""
                yield f"{name} {one['in']} {one['name']}{required}"


def _answers() -> Iterator[str]:
    """Yield each member of the answer of each path, with its type in TypeScript: answers.d.ts."""
    lines = {"/api/search": ["Line"], "/api/tail": ["Line"]}
    for path, interfaces in (PATHS | lines).items():
        for interface in interfaces:
            yield from _members(f"answer {path} ", INTERFACES[interface])
    yield from _members("answer …?progress=1 ", INTERFACES["ProgressLine"])


def _members(start: str, declared: Mapping[str, Member]) -> Iterator[str]:
    for name, member in declared.items():
        array = "[]" if member.kind.removesuffix(" | null").endswith("[]") else ""
        null = " | null" if member.kind.endswith(" | null") else ""
        inner = interfaces_in(member.kind)
        kind = f"object{null}" if inner else _spelt_out(member.kind)
        yield f"{start}{name}{array} {kind}{SOMETIMES if member.is_optional else ''}"
        for each in inner:
            yield from _members(f"{start}{name}{array}.", each)


def _spelt_out(kind: str) -> str:
    """Return a type without names of ours."""
    if kind in ALIASES:
        return ALIASES[kind]
    return re.sub(r"\w+", lambda one: f"({ALIASES[one[0]]})" if one[0] in ALIASES else one[0], kind)


def _kit_names() -> Iterator[str]:
    for module in map(import_module, KIT):
        for name in dir(module):
            yield from _signatures(f"{module.__name__}.{name}", getattr(module, name))


def _signatures(name: str, value: Any) -> Iterator[str]:
    """Yield a line for a public name, and one for each public attribute of a class of ours."""
    yield f"{name}{_arguments(value)}"
    if not inspect.isclass(value):
        return
    ours = [base for base in value.__mro__ if base.__module__.startswith("logsrv.")]
    attributes: dict[str, Any] = {}
    for base in reversed(ours):
        attributes |= vars(base)
    for inner, found in attributes.items():
        if inner in _documented() and not inner.startswith("_"):
            yield f"{name}.{inner}{_arguments(found) if callable(found) else ''}"


@cache
def _documented() -> frozenset[str]:
    """Return the words that stand in code on the pages for authors."""
    pages = "\n".join((DOCS / page).read_text() for page in PAGES)
    code = re.findall(r"`[^`\n]+`|^    .+$|^\| `.+$", pages, re.MULTILINE)
    # Names with capitals are Twisted's.
    return frozenset(re.findall(r"\b[a-z][a-z0-9_]*\b(?![A-Z])", "\n".join(code)))


def _arguments(value: Any) -> str:
    """Return the names and defaults of a function's arguments: no types, which may become wider."""
    try:
        given = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return ""
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in given]
    # A default without a stable form, such as a function, is `...`.
    unstable = [
        each.default is not each.empty and bool(re.search("<| at 0x", repr(each.default)))
        for each in plain
    ]
    plain = [
        each.replace(default=...) if hidden else each
        for each, hidden in zip(plain, unstable, strict=True)
    ]
    said = str(inspect.Signature(plain))
    # Versions of Python differ in what they say of what is no function: interfaces, protocols, aliases.
    return said if inspect.isroutine(value) or said != "(*args, **kwargs)" else ""
