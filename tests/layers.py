"""The layers of logsrv: a module imports only from the layers below its own, and from its own folder."""

from logsrv.linelog import leaves

# From the bottom. Each name is a folder or a file; two of one layer do not import each other.
# "linelog.formats.*" stands for each folder of `formats` that has no name of its own.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "reactor",
        "clock",
        "memory",
        "cores",
        "descriptor",
        "plugin_folders",
        "first_process",
        "lazy_names",
        "old_names",
        "state_table",
        "value",
        "__version__",
        "linelog.leaves",
    ),
    ("installation",),
    ("kit.text", "kit.framing"),
    ("kit.observe", "kit.plugins"),
    ("kit.options", "kit.children"),
    ("kit.connections",),
    ("kit.net",),
    ("kit.protocols",),
    ("kit.web",),
    ("kit.inspect",),
    ("kit.service",),
    ("kit._protocol_plugin",),
    ("kit",),
    ("greet", "gopher.wire", "linelog.batch", "linelog.fields"),
    ("linelog.steps",),
    ("gopher.serve", "linelog.lines", "linelog.query"),
    ("gopher.fetch",),
    ("gopher.follow", "gopher.mirror", "gopher.gateway", "linelog.store"),
    ("linelog.columns", "linelog.objects"),
    ("gopher.browse", "linelog.read"),
    ("linelog.intake", "linelog.parts", "linelog.stages"),
    ("linelog.intake.over_http", "linelog.ship"),
    ("linelog.intake.blocks", "linelog.formats.registry"),
    ("gopher", "inputs", "linelog.plugin"),
    ("cli",),
    ("linelog.commands",),
    (
        "linelog.alerts",
        "linelog.archive",
        "linelog.backup",
        "linelog.doctor",
        "linelog.erase",
        "linelog.formats.*",
        "linelog.http",
        "linelog.importing",
        "linelog.lake",
        "linelog.sql",
    ),
)
HOMES = {f"logsrv.{name}": level for level, names in enumerate(LAYERS) for name in names}


LEAVES = ("logsrv.greet", "logsrv.gopher", *(leaf.module for leaf in leaves.LEAVES))
"""Folders that nothing outside them imports: tables of plugins find them."""
_FORMATS = "logsrv.linelog.formats"


def home_of(module: str) -> str:
    """Return the innermost name that a module belongs to. Raises ValueError if there is none."""
    home = max((name for name in HOMES if within(module, name)), key=len, default="")
    if within(module, _FORMATS) and within(_FORMATS, home or _FORMATS):
        return ".".join(module.split(".")[:4])
    if not home:
        raise ValueError(f"{module} is in no layer")
    return home


def within(module: str, name: str) -> bool:
    return module == name or module.startswith(name + ".")


def may_import(module: str, other: str) -> bool:
    """Return whether a module of logsrv may import another one."""
    home, there = home_of(module), home_of(other)
    return home == there or level_of(there) < level_of(home)


def level_of(home: str) -> int:
    """Return the layer of a home."""
    return HOMES[home] if home in HOMES else HOMES[f"{_FORMATS}.*"]


def is_door(module: str, importer: str) -> bool:
    """Return whether `importer` may import a module as far as its name says.

    A module of logsrv.X that begins with `_`, or is in a folder that does, is for logsrv.X alone.
    """
    parts = module.split(".")
    if not within(module, "logsrv") or not any(is_private(each) for each in parts):
        return True
    return importer.split(".")[:2] == parts[:2]


def is_private(part: str) -> bool:
    return part.startswith("_") and not part.startswith("__")
