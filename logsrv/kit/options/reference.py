"""The reference page of a service's options, as Markdown, from their declarations."""

from __future__ import annotations

from typing import Any

from logsrv.kit.options.declare import Option, option_name, options_of, tables_of
from logsrv.kit.options.load import CONFIG
from logsrv.kit.options.sources import variable_prefix


def reference(settings_class: type[Any], name: str) -> str:
    """Return a table of all options of the plugin `name`, and one for each array of tables in the file."""
    prefix = variable_prefix(name)
    head = ["option", "variable", "key in the file", "accepted", "default", ""]
    options = {"config": CONFIG, **options_of(settings_class)}
    rows = []
    for attribute, option in options.items():
        key = option_name(attribute)
        rows.append(
            [
                _command_line(key, option),
                _code(prefix + attribute.rstrip("_").upper()),
                "" if option is CONFIG else _code(key),
                *_meaning(option, None),
            ]
        )
    parts = [_table(head, rows)]
    for attribute, declared in tables_of(settings_class).items():
        key = option_name(attribute)
        inner = options_of(declared.settings_class)
        parts.append(f"### `[[{key}]]` in the file\n\n{_cell(declared.help)}\n")
        inherited = [one for one in inner if options.get(one) is inner[one]]
        parts.append(
            _table(
                ["key in the file", "accepted", "default", ""],
                [
                    [_code(option_name(one)), *_meaning(option, one if one in inherited else None)]
                    for one, option in inner.items()
                ],
            )
        )
    return "\n".join(parts)


def _command_line(name: str, option: Option) -> str:
    if option.kind.is_flag:
        return f"{_code(f'--{name}')}, {_code(f'--no-{name}')}"
    return _code(f"--{name} {option.kind.metavar}")


def _meaning(option: Option, inherited: str | None) -> list[str]:
    """Return the cells `accepted`, `default` and the help."""
    default = f"that of `{option_name(inherited)}` above" if inherited else option.default_text
    if not inherited and default not in ("off", "on", "required"):
        default = _code(default)
    repeatable = "; repeatable" if option.repeatable else ""
    return [_cell(option.accepted + repeatable), default, _cell(option.help)]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
