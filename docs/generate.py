"""Write what comes from the code into the pages of docs/: `make docs`. A test compares them with it."""

from __future__ import annotations

import re
from inspect import cleandoc
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python.reflect import namedAny
from zope.interface.interface import InterfaceClass, Method

from logsrv.gopher.gateway import gateway
from logsrv.gopher.serve import protocol as gopherd
from logsrv.kit.observe.metrics import CATALOGUE
from logsrv.kit.observe.prometheus import exposed_name
from logsrv.kit.options.reference import accepted_texts, reference_page, values_table
from logsrv.kit.options.usage import SettingsOptions
from logsrv.kit.service.protocol_service import PLUGIN_METRICS
from logsrv.linelog.plugin import metrics as linelog

HERE = Path(__file__).parent
OURS = ("logsrv", "greet", "gopher", "gopherd")

OPTIONS = """\
# Options

Written from the code by `make docs`.

Each option has one name in three places: `--max-line` on the command line, `LOGSRV_MAX_LINE` in the
environment, and `max-line` in the TOML file of `--config`. The command line wins over the environment,
the environment over the file.

An empty variable counts as none. Separate several values in a variable by white space, queries and
texts by newlines, paths by colons. Paths in the file are relative to the file. `off` switches an option
off.
"""

# The marks between which the figures stand in monitoring.md.
BEGIN = "<!-- counters: `make docs` writes from here -->\n"
END = "<!-- counters: to here -->\n"

CATALOGUES = {
    "Figures of every listener": CATALOGUE,
    "Figures of the line logger": linelog.METRICS,
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
    parts = [OPTIONS, values_table(known)]
    for name, settings_class in classes.items():
        parts.append(f"## twistd {name}\n\n{reference_page(settings_class, name, known)}")
    return "\n".join(parts)


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
    named = map(namedAny, re.findall(r"^- `(logsrv\.[\w.]+)` ", tables, re.MULTILINE))
    interfaces = [found for found in named if isinstance(found, InterfaceClass)]
    return tables + heading + "\n".join(map(interface_text, interfaces))


def interface_text(interface: InterfaceClass) -> str:
    """The attributes and methods of an interface, each with its description."""
    rows = [f"`{interface.__name__}`: {cleandoc(interface.getDoc())}\n\n"]
    for name, described in interface.namesAndDescriptions():
        form = name + described.getSignatureString() if isinstance(described, Method) else name
        rows.append(f"- `{form}`: {cleandoc(described.getDoc())}\n")
    return "".join(rows)


PAGES = {
    "options.md": options_page,
    "monitoring.md": monitoring_page,
    "kit-reference.md": kit_reference_page,
}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (HERE / name).write_text(write())
        print(f"wrote docs/{name}")
