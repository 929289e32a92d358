"""Write what comes from the code into the pages of docs/: `make docs`. A test compares them with it."""

from __future__ import annotations

import ast
import re
import runpy
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python.reflect import namedAny
from zope.interface.interface import InterfaceClass, Method

from logsrv.gopher.gateway import gateway
from logsrv.gopher.serve import protocol as gopherd
from logsrv.kit.observe.metrics import CATALOGUE, exposed_name
from logsrv.kit.options.declare import Option, option_name, options_of, table_key, tables_of
from logsrv.kit.options.load import CONFIG
from logsrv.kit.options.sources import variable_prefix
from logsrv.kit.options.usage import SettingsOptions
from logsrv.kit.service.plugin_metrics import PLUGIN_METRICS
from logsrv.linelog.alerts.alert_part import AlertPart
from logsrv.linelog.http.http_part import HttpPart
from logsrv.linelog.plugin import monitoring as linelog
from logsrv.linelog.ship.ship_part import ShipPart

HERE = Path(__file__).parent
KIT = HERE.parent / "logsrv" / "kit"
OURS = ("logsrv", "greet", "gopher", "gopherd")

OPTIONS = """\
# Options

This page lists the options of all plugins. `make docs` writes the page from the code.

You can set each option in three places. For example, give `--max-line` on the command line, set the
variable `LOGSRV_MAX_LINE` in the environment, or write the key `max-line` into the TOML file that
`--config` names. If you set an option in several places, the command line overrides the environment, and
the environment overrides the file.

If an environment variable is empty, logsrv ignores it. If a variable has several values, separate them by
white space. Exceptions: separate queries and texts by newlines, and paths by colons. A relative path in
the TOML file is relative to the folder of this file. The value `off` switches an option off.

In the tables of options, a word in capital letters means a value. The first table says which values these
words allow:
"""

EVERY_SERVICE = """\
## Every service

All plugins have the options of this table, with a few exceptions. If a plugin lacks one of the options, the
section of the plugin says so.

"""
HEAD = ["option", "default", ""]

# The marks between which the figures stand in monitoring.md.
BEGIN = "<!-- counters: `make docs` writes from here -->\n"
END = "<!-- counters: to here -->\n"

CATALOGUES = {
    "Figures of every listener": CATALOGUE,
    "Figures of the line logger": (
        *linelog.METRICS,
        *AlertPart.metrics,
        *ShipPart.metrics,
        *HttpPart.metrics,
    ),
    "Figures of greet and other plugins": PLUGIN_METRICS,
    "Figures of the Gopher gateway": gateway.METRICS,
    "Figures of the Gopher server": gopherd.METRICS,
}


def options_page() -> str:
    """docs/options.md: every option of our plugins."""
    makers = {maker.tapname: maker for maker in getPlugins(IServiceMaker)}
    classes = {}
    for name in OURS:
        options = makers[name].options()
        assert isinstance(options, SettingsOptions)
        classes[name] = options.settings_class
    known = accepted_texts(classes.values())
    common = common_rows(classes.values(), known)
    parts = [
        OPTIONS,
        values_table(known),
        EVERY_SERVICE + _markdown_table(HEAD, [*common.values()]),
    ]
    for name, settings_class in classes.items():
        reference = options_reference(settings_class, name, known, common)
        parts.append(f"## twistd {name}\n\n{reference}")
    return "\n".join(parts)


def common_rows(
    settings_classes: Iterable[type[Any]], known: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the rows that most plugins share, by the name of the option."""
    classes = [*settings_classes]
    rows = [row for each in classes for row in option_rows(each, known).items()]
    return {name: row for name, row in rows if 2 * rows.count((name, row)) > len(classes)}


def option_rows(settings_class: type[Any], known: Mapping[str, str]) -> dict[str, list[str]]:
    options = {"config": CONFIG, **options_of(settings_class)}
    return {
        option_name(attribute): [
            _option_forms(option_name(attribute), option),
            *_default_and_help(option, known),
        ]
        for attribute, option in options.items()
    }


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


def options_reference(
    settings_class: type[Any],
    name: str,
    known: Mapping[str, str],
    common: Mapping[str, list[str]] = MappingProxyType({}),
) -> str:
    """Return a table of the options of the plugin `name`, and one for each array of tables in the file.

    known: the result of `accepted_texts`; an option that accepts something else says so itself.
    common: rows that the page has already; of these the table has only those that differ.
    """
    options = options_of(settings_class)
    rows = option_rows(settings_class, known)
    words = f"The environment variables of `twistd {name}` begin with `{variable_prefix(name)}`."
    if lacks := [_code_span(f"--{one}") for one in common if one not in rows]:
        words += f" This plugin does not have {', '.join(lacks)}."
    own = [row for one, row in rows.items() if row != common.get(one)]
    parts = [words + "\n", _markdown_table(HEAD, own)]
    for attribute, declared in tables_of(settings_class).items():
        table = f"`[[{table_key(attribute, declared)}]]`"
        parts.append(
            f"### {table} in the file\n\n"
            f"You may write tables {table} into the TOML file, for {_escaped_cell(declared.help)}.\n"
        )
        inner = options_of(declared.settings_class)
        told = {option.kind.accepted for option in options.values()}
        inherited = [one for one in inner if options.get(one) is inner[one]]
        keys = [
            [_code_span(option_name(one)), *_default_and_help(option, known, told)]
            for one, option in inner.items()
            if one not in inherited
        ]
        parts.append(_markdown_table(["key", "default", ""], keys))
        if inherited:
            also = ", ".join(_code_span(option_name(one)) for one in inherited)
            parts.append(
                f"A table {table} may also set these options of the plugin: "
                f"{also}. A value in the table replaces the value of the same option outside the tables.\n"
            )
    return "\n".join(parts)


def _option_forms(name: str, option: Option) -> str:
    if option.kind.is_flag:
        return f"{_code_span(f'--{name}')}, {_code_span(f'--no-{name}')}"
    return _code_span(f"--{name} {option.kind.metavar}")


def _default_and_help(
    option: Option, known: Mapping[str, str], told: Container[str] = ()
) -> list[str]:
    """Return the cells of the default and the help. told: accepted texts that the reader has seen above."""
    default = option.default_text
    if default not in ("off", "on", "required"):
        default = _code_span(default)
    kind, remarks = option.kind, []
    new = kind.accepted != known.get(kind.metavar) and kind.accepted not in told
    if kind.metavar.isupper() and new:
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


def monitoring_page() -> str:
    """docs/monitoring.md: its text as it is, with every figure between the marks."""
    before, after = (HERE / "monitoring.md").read_text().split(BEGIN)
    _, after = after.split(END)
    return before + BEGIN + "\n" + "\n".join(map(figures_table, CATALOGUES)) + "\n" + END + after


def figures_table(title: str) -> str:
    """The figures of a catalogue, by their names in Prometheus."""
    rows = [f"## {title}\n\n| figure | kind | meaning |\n| --- | --- | --- |\n"]
    for metric in CATALOGUES[title]:
        kind = " by ".join(filter(None, [metric.kind, ", ".join(metric.labels)]))
        rows.append(f"| `{exposed_name(metric)}` | {kind} | {metric.help} |\n")
    return "".join(rows)


def kit_reference_page() -> str:
    """docs/kit-reference.md: it as it is, and at its end the interfaces of ours that it names, in full."""
    heading = "## The interfaces\n\n"
    tables = (HERE / "kit-reference.md").read_text().partition(heading)[0]
    named = map(namedAny, re.findall(r"^\| `(logsrv\.[\w.]+)` ", tables, re.MULTILINE))
    interfaces = [found for found in named if isinstance(found, InterfaceClass)]
    return tables + heading + "\n".join(map(interface_text, interfaces))


def interface_text(interface: InterfaceClass) -> str:
    """The attributes and methods of an interface, each with its description."""
    rows = [f"`{interface.__name__}`: {cleandoc(interface.getDoc())}\n\n"]
    for name, described in interface.namesAndDescriptions():
        form = name + described.getSignatureString() if isinstance(described, Method) else name
        rows.append(f"- `{form}`: {cleandoc(described.getDoc())}\n")
    return "".join(rows)


KIT_MODULES = """\
# The kit: modules for programs

Written from the code by `make docs`.

**The names on this page stay the same in all releases 1.0.*y***, but release 1.1 may rename or remove
some of them. So a package that imports one of these modules must require `logsrv-kit ~= 1.0.0`.
[Compatibility](compatibility.md) says which names stay the same in all releases 1.*x*.

Authors of protocols need only the names of `logsrv.kit` and `logsrv.kit.testing`, which are in
[the reference](kit-reference.md). Other parts of a project that has such a protocol, such as a command, a
child process or a web page, may import all names on this page. A module whose name begins with `_` belongs
to the kit alone and may change.

"""
# What follows in the docstring of a folder is for those who change the kit.
FOLDER_LIST = "\n\nIts modules"


def kit_modules_page() -> str:
    """docs/kit-modules.md: the public modules of the kit, with the first sentence about each name."""
    folders = sorted({path.parent for path in public_modules()})
    parts = [KIT_MODULES]
    for folder in folders:
        parts.append(f"## `{_dotted(folder)}`\n\n")
        if folder != KIT:
            text = ast.get_docstring(_tree(folder / "__init__.py")) or ""
            parts.append(_page_text(text.partition(FOLDER_LIST)[0]) + "\n\n")
        for path in public_modules():
            if path.parent == folder:
                parts.append(module_text(path))
    return "".join(parts).rstrip("\n") + "\n"


def public_modules() -> list[Path]:
    """Return the files of the kit's modules that others may import."""
    return [
        path
        for path in sorted(KIT.rglob("*.py"))
        if not any(part.startswith("_") for part in path.parts) and "template" not in path.parts
    ]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(HERE.parent).with_suffix("").parts)


def module_text(path: Path) -> str:
    """Return the section of a module: its first sentence, and a line for each public name."""
    tree = _tree(path)
    lines = [f"### `{_dotted(path)}`\n", _page_text(first_sentence(tree)) + "\n"]
    lines += name_lines(tree)
    return "\n".join(lines) + "\n\n"


def name_lines(tree: ast.Module) -> Iterator[str]:
    """Yield the lines about the public classes, functions and documented constants of a module."""
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield f"- `{class_form(node)}`: {_page_text(first_sentence(node))}"
            yield from method_lines(node, tree)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_") and not is_overload(node):
                yield f"- `{function_form(node)}`: {_page_text(first_sentence(node))}"
        elif (
            (name := constant_name(node))
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            yield f"- `{name}`: {_page_text(_sentence(cleandoc(str(following.value.value))))}"


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("overload" in ast.unparse(each) for each in node.decorator_list)


def constant_name(node: ast.stmt) -> str:
    """Return the public name that a statement of a module sets; "" if it sets none."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    name = targets[0].id if isinstance(targets[0], ast.Name) else "_"
    return "" if name.startswith("_") else name


def method_lines(cls: ast.ClassDef, tree: ast.Module) -> Iterator[str]:
    """Yield a line for each public method with a docstring, inherited ones of private modules too.

    Methods with capitals in their names are Twisted's.
    """
    seen = set()
    for each in [cls, *private_bases(cls, tree)]:
        for node in each.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in seen:
                continue
            if re.fullmatch(r"[a-z][a-z0-9_]*", node.name) and ast.get_docstring(node):
                seen.add(node.name)
                form = function_form(node, bound=True)
                yield f"  - `{form}`: {_page_text(first_sentence(node))}"


def private_bases(cls: ast.ClassDef, tree: ast.Module) -> Iterator[ast.ClassDef]:
    """Yield the base classes of a class that are in private modules of the kit."""
    for base in cls.bases:
        name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
        for node in tree.body:
            if not isinstance(node, ast.ImportFrom) or name not in [one.name for one in node.names]:
                continue
            module = str(node.module)
            if module.startswith("logsrv.kit.") and module.split(".")[-1].startswith("_"):
                inner = _tree(HERE.parent.joinpath(*module.split(".")).with_suffix(".py"))
                for found in inner.body:
                    if isinstance(found, ast.ClassDef) and found.name == name:
                        yield found
                        yield from private_bases(found, inner)


def class_form(cls: ast.ClassDef) -> str:
    """Return a class as it is called: with the arguments of `__init__`, or with its fields."""
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return (
                function_form(node, bound=True)
                .replace("__init__", cls.name, 1)
                .removesuffix(" -> None")
            )
    fields = [node for node in cls.body if isinstance(node, ast.AnnAssign) and node.simple]
    made = [ast.unparse(each) for each in (*cls.decorator_list, *cls.bases)]
    if not any(re.match(r"(attrs\.)?(frozen|define)|NamedTuple|Value", each) for each in made):
        return cls.name
    names = [
        f"{ast.unparse(each.target).lstrip('_')}: {ast.unparse(each.annotation)}"
        + " = …" * bool(each.value)
        for each in fields
        if "ClassVar" not in ast.unparse(each.annotation)
        and (each.value is None or "init=False" not in ast.unparse(each.value))
    ]
    return f"{cls.name}({', '.join(names)})"


def function_form(node: ast.FunctionDef | ast.AsyncFunctionDef, bound: bool = False) -> str:
    """Return a function as it is called, with its types; a property as a name. bound: without `self`."""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    kinds = [ast.unparse(each) for each in node.decorator_list]
    if any(kind in ("property", "cached_property") for kind in kinds):
        return node.name + result.replace(" ->", ":")
    arguments = ast.unparse(node.args)
    if bound and "staticmethod" not in kinds:
        arguments = arguments.partition(", ")[2] if ", " in arguments else ""
    word = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    if any("contextmanager" in kind for kind in kinds):
        word, result = "with ", ""
    return f"{word}{node.name}({arguments}){result}"


def first_sentence(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return _sentence(ast.get_docstring(node) or "")


def _sentence(text: str) -> str:
    """Return the first sentence of a docstring, on one line."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`(])", paragraph)[0]


def _page_text(text: str) -> str:
    """Return text of a docstring for Markdown: what is outside of code cannot be taken for HTML."""
    parts = re.split(r"(`[^`]*`|^    .*$)", text, flags=re.MULTILINE)
    return "".join(
        part if number % 2 else re.sub(r"([<*])", r"\\\1", part)
        for number, part in enumerate(parts)
    )


PAGES = {
    "kit-modules.md": kit_modules_page,
    "options.md": options_page,
    "monitoring.md": monitoring_page,
    "kit-reference.md": kit_reference_page,
    # A file beside this one, which is in no package.
    **runpy.run_path(str(HERE / "state_pictures.py"))["PICTURES"],
}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (HERE / name).write_text(write())
        print(f"wrote docs/{name}")
