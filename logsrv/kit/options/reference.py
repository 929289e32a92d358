"""The reference page of a service's options, as Markdown, from their declarations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from logsrv.kit.options.declare import Option, option_name, options_of, table_key, tables_of
from logsrv.kit.options.load import CONFIG
from logsrv.kit.options.sources import variable_prefix


def accepted_texts(settings_classes: Iterable[type[Any]]) -> dict[str, str]:
    """Return the accepted texts of each kind of value as a phrase, by its word: SIZE, TIME, PATH …"""
    phrases: dict[str, Counter[str]] = {}
    for settings_class in settings_classes:
        inner = [options_of(each.settings_class) for each in tables_of(settings_class).values()]
        for options in (options_of(settings_class), *inner):
            for option in options.values():
                phrases.setdefault(option.kind.metavar, Counter())[option.kind.accepted] += 1
    most = {word: max(found, key=lambda phrase: found[phrase]) for word, found in phrases.items()}
    return {
        word: most[word]
        for word in sorted(most)
        # A flag has no word, and a choice lists its words itself. If a word stands for different things,
        # each option explains its own.
        if word.isupper() and phrases[word][most[word]] * 2 > phrases[word].total()
    }


def values_table(known: Mapping[str, str]) -> str:
    return _markdown_table(
        ["value", "takes"], [[_code_span(word), _escaped_cell(known[word])] for word in known]
    )


def reference_page(settings_class: type[Any], name: str, known: Mapping[str, str]) -> str:
    """Return a table of all options of the plugin `name`, and one for each array of tables in the file.

    known: the result of `values`; an option that accepts something else says so itself.
    """
    options = {"config": CONFIG, **options_of(settings_class)}
    head = ["option", "default", ""]
    rows = [
        [_option_forms(option_name(attribute), option), *_default_and_help(option, known)]
        for attribute, option in options.items()
    ]
    parts = [
        f"Its variables begin with `{variable_prefix(name)}`.\n",
        _markdown_table(head, rows),
    ]
    for attribute, declared in tables_of(settings_class).items():
        parts.append(
            f"### `[[{table_key(attribute, declared)}]]` in the file\n\n{_escaped_cell(declared.help)}\n"
        )
        inner = options_of(declared.settings_class)
        inherited = [one for one in inner if options.get(one) is inner[one]]
        rows = [
            [_code_span(option_name(one)), *_default_and_help(option, known)]
            for one, option in inner.items()
            if one not in inherited
        ]
        parts.append(_markdown_table(["key", "default", ""], rows))
        if inherited:
            keys = ", ".join(_code_span(option_name(one)) for one in inherited)
            parts.append(f"Also, if different from the above: {keys}.\n")
    return "\n".join(parts)


def _option_forms(name: str, option: Option) -> str:
    if option.kind.is_flag:
        return f"{_code_span(f'--{name}')}, {_code_span(f'--no-{name}')}"
    return _code_span(f"--{name} {option.kind.metavar}")


def _default_and_help(option: Option, known: Mapping[str, str]) -> list[str]:
    """Return the cells of the default and the help."""
    default = option.default_text
    if default not in ("off", "on", "required"):
        default = _code_span(default)
    kind, remarks = option.kind, []
    if kind.metavar.isupper() and known.get(kind.metavar) != kind.accepted:
        remarks.append(f"takes {kind.accepted}")
    if option.repeatable:
        remarks.append("repeatable")
    if option.off and option.default_text != "off" and not kind.is_flag:
        remarks.append("may be off")
    return [default, _escaped_cell("; ".join([option.help, *remarks]))]


def _markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _code_span(text: str) -> str:
    return f"`{_escaped_cell(text)}`"


def _escaped_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "\\n")
