"""Write the pages of docs/ that come from the code: `make docs`. A test compares them with it."""

from __future__ import annotations

from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from logsrv.kit.observe.metrics import CATALOGUE
from logsrv.kit.options.reference import reference
from logsrv.kit.options.usage import SettingsOptions

HERE = Path(__file__).parent
OURS = ("logsrv", "greet", "gopher")

OPTIONS = """\
# Options

Written from the code by `make docs`. What is given on the command line wins over the environment,
the environment over the file (`--config`), the file over the default.

Sizes are bytes, or take `KiB`, `MiB`, `GiB`, `TiB`; times are seconds, or take `ms`, `s`, `m`, `h`,
`d`. Paths in the file are relative to the file, others to where the command is typed. An empty
variable counts as none. Several values in one variable are separated by white space.
"""

METRICS = """\
# Counters

Written from the code by `make docs`. Each service sums its own up in the log when it stops.
"""


def options_page() -> str:
    """docs/options.md: every option of the three plugins."""
    makers = {maker.tapname: maker for maker in getPlugins(IServiceMaker)}
    parts = [OPTIONS]
    for name in OURS:
        options = makers[name].options()
        assert isinstance(options, SettingsOptions)
        parts.append(f"## twistd {name}\n\n{reference(options.settings_class, name)}")
    return "\n".join(parts)


def metrics_page() -> str:
    """docs/counters.md: the catalogue of counters."""
    rows = ["| name | kind | labels | |\n| --- | --- | --- | --- |\n"]
    for metric in CATALOGUE:
        labels = ", ".join(metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |\n")
    return METRICS + "\n" + "".join(rows)


PAGES = {"options.md": options_page, "counters.md": metrics_page}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (HERE / name).write_text(write())
        print(f"wrote docs/{name}")
