"""The house rules that a machine can check: who imports whom, what is tested."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import logsrv.kit

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "logsrv").rglob("*.py"))
MODULES = [path for path in SOURCES if "template" not in path.parts]

# Folder or file: what it may import of ours, besides itself and `logsrv` with its errors and tuples.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "logsrv.errors": (),
    "logsrv.named": (),
    "logsrv.lazy_names": (),
    "logsrv.kit.text": (),
    "logsrv.kit.framing": (),
    "logsrv.kit.observe": ("logsrv.kit.text",),
    "logsrv.kit.children": ("logsrv.kit.text", "logsrv.kit.observe"),
    "logsrv.kit.options": ("logsrv.kit.text",),
    "logsrv.kit.net.tls": (
        "logsrv.kit.text",
        "logsrv.kit.options",
        "logsrv.kit.net.bind",
        "logsrv.kit.net.endpoints",
    ),
    "logsrv.kit.net.guard": (
        "logsrv.kit.text",
        "logsrv.kit.observe",
        "logsrv.kit.options",
        "logsrv.kit.net.tls",
        "logsrv.kit.net.drain",
        "logsrv.kit.net.source",
        "logsrv.kit.net.twisted",
    ),
    "logsrv.kit.net.datagram": ("logsrv.kit.observe", "logsrv.kit.net"),
    "logsrv.kit.net.endpoints": ("logsrv.kit.text", "logsrv.kit.options"),
    "logsrv.kit.net.twisted": ("logsrv.kit.net.bind", "logsrv.kit.net.tls"),
    "logsrv.kit.net": ("logsrv.kit.text", "logsrv.kit.observe", "logsrv.kit.options"),
    "logsrv.kit.protocols.connection": (
        "logsrv.kit.framing",
        "logsrv.kit.observe",
        "logsrv.kit.net",
    ),
    "logsrv.kit.protocols": (
        "logsrv.kit.text",
        "logsrv.kit.framing",
        "logsrv.kit.observe",
        "logsrv.kit.net",
    ),
    "logsrv.kit.web": (
        "logsrv.kit.text",
        "logsrv.kit.observe",
        "logsrv.kit.options",
        "logsrv.kit.net",
    ),
    "logsrv.kit.inspect": (
        "logsrv.kit.text",
        "logsrv.kit.framing",
        "logsrv.kit.observe",
        "logsrv.kit.options",
        "logsrv.kit.net",
        "logsrv.kit.protocols",
        "logsrv.kit.web",
    ),
    "logsrv.kit.service.process": (
        "logsrv.kit.text",
        "logsrv.kit.net.twisted.twistd",
        "logsrv.kit.protocols.connection",
    ),
    "logsrv.kit.service.sites": (
        "logsrv.kit.text",
        "logsrv.kit.observe",
        "logsrv.kit.net",
        "logsrv.kit.web",
        "logsrv.kit.inspect",
    ),
    "logsrv.kit.service": (
        "logsrv.kit.text",
        "logsrv.kit.framing",
        "logsrv.kit.observe",
        "logsrv.kit.options",
        "logsrv.kit.net",
        "logsrv.kit.protocols",
        "logsrv.kit.web",
        "logsrv.kit.inspect",
    ),
    "logsrv.kit.testing": (
        "logsrv.kit.text",
        "logsrv.kit.framing",
        "logsrv.kit.options",
        "logsrv.kit.net",
        "logsrv.kit.protocols",
        "logsrv.kit.service",
    ),
    "logsrv.kit": (),
    "logsrv.memory": (),
    "logsrv.timer": (),
    "logsrv.linelog.batch": ("logsrv.kit.text",),
    "logsrv.linelog.framing.lines": (
        "logsrv.linelog.framing.clean",
        "logsrv.linelog.batch",
        "logsrv.kit.framing",
        "logsrv.kit.options.declare",
        "logsrv.kit.options.kinds",
    ),
    "logsrv.linelog.framing.bodies": (
        "logsrv.linelog.framing.clean",
        "logsrv.linelog.framing.lines",
    ),
    "logsrv.linelog.framing.events": (
        "logsrv.linelog.framing.clean",
        "logsrv.linelog.batch",
        "logsrv.linelog.framing.lines",
        "logsrv.linelog.framing.bodies",
        "logsrv.kit.framing",
    ),
    "logsrv.linelog.framing": (
        "logsrv.linelog.batch",
        "logsrv.kit.framing",
        "logsrv.kit.options.declare",
        "logsrv.kit.options.kinds",
    ),
    "logsrv.linelog.store.disk": ("logsrv.linelog.batch",),
    "logsrv.linelog.store.segments": (
        "logsrv.linelog.fields.level",
        "logsrv.linelog.fields.levels",
        "logsrv.linelog.store.disk",
        "logsrv.kit.text",
    ),
    "logsrv.linelog.store.words": (
        "logsrv.linelog.fields.level",
        "logsrv.linelog.store.disk",
        "logsrv.linelog.store.segments",
    ),
    "logsrv.linelog.store.catalog": (
        "logsrv.linelog.store.disk",
        "logsrv.linelog.store.segments",
        "logsrv.linelog.store.words",
    ),
    "logsrv.linelog.store.origins": (
        "logsrv.linelog.store.disk",
        "logsrv.linelog.store.segments",
    ),
    "logsrv.linelog.store.writing": (
        "logsrv.linelog.store.origins",
        "logsrv.linelog.batch",
        "logsrv.linelog.store.disk",
        "logsrv.linelog.store.segments",
        "logsrv.linelog.store.policy",
        "logsrv.linelog.store.recover",
        "logsrv.kit.observe",
    ),
    "logsrv.linelog.store.sealing": (
        "logsrv.linelog.store.disk",
        "logsrv.linelog.store.segments",
        "logsrv.linelog.store.words",
        "logsrv.linelog.store.catalog",
        "logsrv.memory",
        "logsrv.linelog.store.writing",
        "logsrv.linelog.store.policy",
        "logsrv.linelog.store.recover",
        "logsrv.kit.children",
        "logsrv.kit.observe",
    ),
    "logsrv.linelog.store": ("logsrv.linelog.batch", "logsrv.memory", "logsrv.kit"),
    "logsrv.linelog.fields": ("logsrv.kit.text",),
    "logsrv.linelog.fields.levels": ("logsrv.linelog.fields",),
    "logsrv.linelog.fields.many": ("logsrv.linelog.fields", "logsrv.kit.text"),
    "logsrv.linelog.query.language": ("logsrv.linelog.fields", "logsrv.kit.text"),
    "logsrv.linelog.query.matching": ("logsrv.linelog.fields", "logsrv.linelog.query.language"),
    "logsrv.linelog.query.many": (
        "logsrv.linelog.fields",
        "logsrv.linelog.query.language",
        "logsrv.linelog.query.matching",
    ),
    "logsrv.linelog.query": ("logsrv.linelog.fields", "logsrv.kit.text"),
    "logsrv.linelog.read": (
        "logsrv.linelog.fields",
        "logsrv.linelog.query",
        "logsrv.linelog.store",
        "logsrv.memory",
        "logsrv.kit.text",
    ),
    "logsrv.linelog.read.counting": (
        "logsrv.linelog.fields",
        "logsrv.linelog.query",
        "logsrv.linelog.read.indexed",
        "logsrv.linelog.read.plan",
        "logsrv.linelog.read.search",
        "logsrv.kit.text",
    ),
    "logsrv.linelog.sql": (
        "logsrv.linelog.fields",
        "logsrv.linelog.query",
        "logsrv.linelog.read",
        "logsrv.linelog.store.segments.segment",
        "logsrv.kit.text",
    ),
    "logsrv.linelog.cursors": (
        "logsrv.linelog.query",
        "logsrv.linelog.store.disk.disk",
        "logsrv.linelog.store.segments.segment",
        "logsrv.kit",
    ),
    "logsrv.linelog.alerts.delivery": (
        "logsrv.linelog.alerts.settings",
        "logsrv.linelog.alerts.tally",
        "logsrv.linelog.read",
        "logsrv.kit",
    ),
    "logsrv.linelog.alerts": (
        "logsrv.linelog.cursors",
        "logsrv.linelog.read",
        "logsrv.linelog.query",
        "logsrv.linelog.store.disk.disk",
        "logsrv.linelog.store.segments.segment",
        "logsrv.kit",
    ),
    "logsrv.linelog.ship.http": (
        "logsrv.linelog.ship.address",
        "logsrv.linelog.ship.reaching",
        "logsrv.linelog.ship.target",
        "logsrv.kit",
    ),
    "logsrv.linelog.ship.blocks": (
        "logsrv.linelog.fields.many",
        "logsrv.linelog.framing.clean",
        "logsrv.linelog.store.segments",
    ),
    "logsrv.linelog.ship.cutting": (
        "logsrv.linelog.ship.blocks.block",
        "logsrv.linelog.ship.target",
        "logsrv.linelog.read",
        "logsrv.linelog.query",
        "logsrv.linelog.store.disk.disk",
        "logsrv.linelog.store.segments",
    ),
    "logsrv.linelog.ship.shipping": (
        "logsrv.linelog.ship.blocks.block",
        "logsrv.linelog.ship.cutting",
        "logsrv.linelog.ship.report",
        "logsrv.linelog.ship.target",
        "logsrv.linelog.cursors",
        "logsrv.linelog.read",
        "logsrv.linelog.store.disk.disk",
        "logsrv.linelog.store.segments.segment",
        "logsrv.kit.text",
    ),
    "logsrv.linelog.ship.encode": (
        "logsrv.linelog.fields",
        "logsrv.linelog.framing.lines.relp",
        "logsrv.linelog.read.render",
        "logsrv.kit.text",
    ),
    "logsrv.linelog.ship.out": (
        "logsrv.linelog.ship.encode",
        "logsrv.linelog.ship.http",
        "logsrv.linelog.ship.reaching",
        "logsrv.linelog.ship.registry",
        "logsrv.linelog.ship.target",
        "logsrv.kit",
    ),
    "logsrv.linelog.ship.running": (
        "logsrv.linelog.ship.address",
        "logsrv.linelog.ship.registry",
        "logsrv.linelog.ship.report",
        "logsrv.linelog.ship.settings",
        "logsrv.linelog.ship.shipping",
        "logsrv.linelog.cursors",
        "logsrv.linelog.read",
        "logsrv.linelog.store.disk.disk",
        "logsrv.linelog.store.policy",
        "logsrv.linelog.store.segments",
        "logsrv.kit",
    ),
    "logsrv.linelog.ship": (
        "logsrv.linelog.cursors",
        "logsrv.linelog.read",
        "logsrv.linelog.query",
        "logsrv.linelog.store.disk.disk",
        "logsrv.linelog.store.segments",
        "logsrv.kit",
    ),
    "logsrv.linelog.inputs.intake": (
        "logsrv.linelog.batch",
        "logsrv.linelog.framing",
        "logsrv.linelog.store.origins",
        "logsrv.linelog.store.writing.deposit",
        "logsrv.linelog.store.valve",
        "logsrv.kit",
    ),
    "logsrv.linelog.inputs.lines": (
        "logsrv.linelog.batch",
        "logsrv.linelog.framing",
        "logsrv.linelog.inputs.intake",
        "logsrv.kit",
    ),
    "logsrv.linelog.inputs.records": (
        "logsrv.linelog.batch",
        "logsrv.linelog.framing",
        "logsrv.linelog.inputs.intake",
        "logsrv.kit",
    ),
    "logsrv.linelog.inputs.http": (
        "logsrv.linelog.batch",
        "logsrv.linelog.framing",
        "logsrv.linelog.inputs.intake",
        "logsrv.linelog.inputs.records",
        "logsrv.linelog.store.valve",
        "logsrv.kit",
    ),
    "logsrv.linelog.inputs.blocks": (
        "logsrv.linelog.framing",
        "logsrv.linelog.inputs.http",
        "logsrv.linelog.inputs.intake",
        "logsrv.linelog.ship.blocks",
        "logsrv.linelog.store.origins",
        "logsrv.linelog.store.segments",
        "logsrv.linelog.store.writing.deposit",
        "logsrv.kit",
    ),
    "logsrv.linelog.inputs": (
        "logsrv.linelog.batch",
        "logsrv.linelog.framing",
        "logsrv.linelog.store.valve",
        "logsrv.kit",
    ),
    "logsrv.linelog.importing": (
        "logsrv.linelog.batch",
        "logsrv.linelog.framing",
        "logsrv.linelog.read",
        "logsrv.linelog.store",
        "logsrv.kit",
    ),
    "logsrv.linelog.http.searching": (
        "logsrv.linelog.http.problems",
        "logsrv.linelog.read",
        "logsrv.linelog.query",
        "logsrv.linelog.store.segments",
        "logsrv.kit",
    ),
    "logsrv.linelog.http.viewing": (
        "logsrv.linelog.http.problems",
        "logsrv.linelog.http.searching",
        "logsrv.linelog.read",
        "logsrv.linelog.query",
        "logsrv.linelog.store.segments",
        "logsrv.kit",
    ),
    "logsrv.linelog.http": (
        "logsrv.linelog.read",
        "logsrv.linelog.query",
        "logsrv.linelog.store",
        "logsrv.kit",
    ),
    "logsrv.linelog.http.page": ("logsrv.kit.web.templates",),
    "logsrv.linelog.plugin": (
        "logsrv.linelog.inputs",
        "logsrv.linelog.framing.lines",
        "logsrv.linelog.alerts",
        "logsrv.linelog.ship",
        "logsrv.linelog.http",
        "logsrv.linelog.store",
        "logsrv.kit",
    ),
    "logsrv.linelog": ("logsrv.kit",),
    # The model plugin: it has what a stranger's has, the names that `logsrv.kit` itself offers.
    "logsrv.greet": tuple(f"logsrv.kit.{name}" for name in dir(logsrv.kit)),
    "logsrv.gopher.wire": ("logsrv.kit.text",),
    "logsrv.gopher.fetch.transfers": (
        "logsrv.gopher.fetch.proxy",
        "logsrv.gopher.fetch.settings",
        "logsrv.gopher.fetch.tls",
        "logsrv.gopher.fetch.trust",
        "logsrv.gopher.wire",
    ),
    "logsrv.gopher.fetch": ("logsrv.gopher.wire", "logsrv.kit"),
    "logsrv.gopher.local": ("logsrv.gopher.wire", "logsrv.kit.text"),
    "logsrv.gopher.follow": (
        "logsrv.gopher.local",
        "logsrv.gopher.fetch",
        "logsrv.gopher.wire",
        "logsrv.kit",
    ),
    "logsrv.gopher.browse.content": (
        "logsrv.gopher.follow",
        "logsrv.gopher.local",
        "logsrv.gopher.wire",
        "logsrv.kit.text",
    ),
    "logsrv.gopher.browse.loading": (
        "logsrv.gopher.browse.content",
        "logsrv.gopher.follow",
        "logsrv.gopher.local",
        "logsrv.gopher.fetch",
        "logsrv.gopher.wire",
        "logsrv.kit",
    ),
    "logsrv.gopher.browse.widgets": (
        "logsrv.gopher.browse.content",
        "logsrv.gopher.browse.loading",
        "logsrv.gopher.fetch",
        "logsrv.gopher.wire",
        "logsrv.kit",
    ),
    "logsrv.gopher.browse.commands": (
        "logsrv.gopher.browse.content",
        "logsrv.gopher.browse.loading",
        "logsrv.gopher.browse.widgets",
        "logsrv.gopher.follow",
        "logsrv.gopher.local",
        "logsrv.gopher.fetch",
        "logsrv.gopher.wire",
        "logsrv.kit",
    ),
    "logsrv.gopher.browse": (
        "logsrv.gopher.follow",
        "logsrv.gopher.local",
        "logsrv.gopher.fetch",
        "logsrv.gopher.wire",
        "logsrv.kit",
    ),
    "logsrv.gopher.mirror.disk": (
        "logsrv.gopher.mirror.scope",
        "logsrv.gopher.fetch.wholefile",
        "logsrv.gopher.wire",
        "logsrv.kit.text",
    ),
    "logsrv.gopher.mirror.update": (
        "logsrv.gopher.mirror.disk",
        "logsrv.gopher.mirror.queue",
        "logsrv.gopher.mirror.scope",
        "logsrv.gopher.wire",
    ),
    "logsrv.gopher.mirror": ("logsrv.gopher.fetch", "logsrv.gopher.wire", "logsrv.kit"),
    "logsrv.gopher.gateway": ("logsrv.gopher.fetch", "logsrv.gopher.wire", "logsrv.kit"),
    "logsrv.gopher.serve": ("logsrv.gopher.local", "logsrv.gopher.wire", "logsrv.kit"),
    "logsrv.gopher.command": (
        "logsrv.gopher.browse",
        "logsrv.gopher.mirror",
        "logsrv.gopher.follow",
        "logsrv.gopher.local",
        "logsrv.gopher.fetch",
        "logsrv.gopher.wire",
        "logsrv.kit",
    ),
    "logsrv.gopher": ("logsrv.kit",),
    "logsrv.cli.client": (
        "logsrv.cli.arguments",
        "logsrv.kit.options.argument_parser",
        "logsrv.kit.text",
        "logsrv.kit.framing",
        "logsrv.kit.net",
        "logsrv.kit.options",
    ),
    "logsrv.cli.reading": (
        "logsrv.cli.arguments",
        "logsrv.cli.client.target",
        "logsrv.linelog.fields",
        "logsrv.linelog.query",
        "logsrv.linelog.read",
        "logsrv.linelog.sql",
        "logsrv.linelog.store.segments.segment",
        "logsrv.kit.options",
        "logsrv.kit.text",
    ),
    "logsrv.cli.running": ("logsrv.cli.arguments", "logsrv.kit"),
    "logsrv.cli": ("logsrv.kit", "logsrv.linelog", "logsrv.greet", "logsrv.gopher"),
}
# All may import these.
FOR_ALL = (
    "logsrv.errors",
    "logsrv.named",
    "logsrv.lazy_names",
    "logsrv.memory",
    "logsrv.timer",
    "logsrv.__version__",
)
# Folders of these names: bytes in, values out. They know neither Twisted nor sockets, and no clock.
SANS_IO = ("text", "framing", "wire", "fields", "query", "encode")
# What those may import from elsewhere is held to the same.
SANS_IO_MODULES = ("logsrv.kit.options.declare", "logsrv.kit.options.kinds")
IO = ("twisted", "socket", "asyncio", "time", "threading", "selectors", "ssl")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, inside functions too."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(str(node.module))
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def within(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or name.startswith(folder + ".") for folder in folders)


def allowed(name: str) -> tuple[str, ...]:
    """What the module `name` may import of ours: by the row of the innermost folder that has one."""
    home = max((folder for folder in MAY_IMPORT if within(name, (folder,))), key=len)
    return (home, *MAY_IMPORT[home], *FOR_ALL)


def test_imports_point_one_way() -> None:
    """cli → linelog | greet | gopher → kit; inside the logger they follow the line."""
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if name_of(path) != "logsrv"
        for other in imported(path)
        if other.startswith("logsrv.") and other != "logsrv.kit"
        if not within(other, allowed(name_of(path)))
    ]
    assert not wrong


def test_every_package_has_a_row_of_its_own() -> None:
    """Without one it would go by that of the folder it is in, where all may import all."""
    packages = {name_of(path) for path in MODULES if path.name == "__init__.py"}
    assert packages - set(MAY_IMPORT) == {"logsrv"}
    assert set(MAY_IMPORT) <= {name_of(path) for path in MODULES}


def test_parsers_do_no_io() -> None:
    wrong = [
        f"{name_of(path)} imports {other}"
        for path in MODULES
        if set(path.relative_to(ROOT).parts[:-1]) & set(SANS_IO) or name_of(path) in SANS_IO_MODULES
        for other in imported(path)
        if within(other, IO)
    ]
    assert not wrong


def test_there_is_no_cycle() -> None:
    names = {name_of(path): path for path in MODULES}
    graph = {
        name: {other for other in imported(path) if other in names and other != name}
        for name, path in names.items()
        # A package's own file offers what is inside it.
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_every_module_has_its_test_file() -> None:
    missing = [
        name_of(path)
        for path in MODULES
        if not path.name.startswith("__")
        if not (
            ROOT / "tests" / path.relative_to(ROOT / "logsrv").parent / f"test_{path.name}"
        ).exists()
    ]
    assert not missing
