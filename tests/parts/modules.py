"""The modules of logsrv, and what each imports."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "logsrv").rglob("*.py"))
MODULES = [path for path in SOURCES if "template" not in path.parts]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Return every module that a file imports, inside functions too."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(str(node.module))
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def names_on_the_page() -> dict[str, set[str]]:
    """Return the names that docs/kit-modules.md has of each module of the kit."""
    page = (ROOT / "docs" / "kit-modules.md").read_text()
    sections = re.findall(r"^### `([\w.]+)`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return {
        module: set(re.findall(r"^- `(?:await |with )?(\w+)", text, re.MULTILINE))
        for module, text in sections
    }
