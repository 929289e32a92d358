"""Names that docs/compatibility.md promises to keep, one on each line, as the code has them today.

A release keeps its own as tests/corpus/promised/VERSION.txt:

    PYTHONPATH=. python tests/release/promised.py >tests/corpus/promised/1.0.0.txt

Each line is what a user, a script, a configuration or a plugin names. It says no more than the promise: the
help of an option may change; its name, its word for a value and its default may not.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from docs.generate import CATALOGUES, OURS
from logsrv.cli.command import COMMANDS, parser_of
from logsrv.gopher.command import main as gopher
from logsrv.kit.observe.metrics import exposed_name
from logsrv.kit.options.declare import Option, option_name, options_of, table_key, tables_of
from logsrv.kit.options.usage import SettingsOptions
from logsrv.linelog.alerts.alert_settings import AlertOptions
from logsrv.linelog.alerts.page.page_api import PageApi
from logsrv.linelog.http.endpoints import openapi_document
from logsrv.linelog.http.part_endpoints import PartEndpoints
from logsrv.linelog.query.stage import all_stages
from logsrv.linelog.stages import figures

KIT = ("logsrv.kit", "logsrv.kit.testing", "logsrv.inputs")
DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("kit.md", "kit-reference.md", "inputs.md", "cookbook.md", "shipping.md")
"""Pages for authors of plugins. Methods and attributes that none of them names are no promise."""


def promised_names() -> list[str]:
    """Return all lines, sorted, each once."""
    return sorted(
        {*_options(), *_commands(), *_metrics(), *_query_words(), *_requests(), *_kit_names()}
    )


def broken_promises(kept: Iterable[str], today: Iterable[str]) -> list[str]:
    """Return the lines of a release that do not hold today.

    A function may get further arguments at its end, if each has a default; an option a short form. A metric
    may get the label `rule`: it is empty, and so not there, for what the metric had before.
    """
    have = set(today)
    have |= {re.sub(r", rule\b", "", one) for one in have if one.startswith("metric ")}
    have |= {re.sub(r"^(logsrv .* --\S+) -\w\b", r"\1", one) for one in have}
    calls: dict[str, str] = {}
    for line in have:
        name, bracket, arguments = line.partition("(")
        if bracket and " " not in name:
            calls[name] = arguments

    def holds(line: str) -> bool:
        name, _, arguments = line.partition("(")
        before = arguments.removesuffix(")")
        more = ("" if before else ", ") + calls.get(name, "").removeprefix(before)
        return line in have or bool(re.fullmatch(r"(, (\*|\w+=[^,]+))+\)", more))

    return [line for line in kept if not holds(line)]


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
    return str(inspect.Signature(plain))


if __name__ == "__main__":
    print("\n".join(promised_names()))
