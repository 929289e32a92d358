"""The recipes of the cookbook."""

import re
from pathlib import Path

import attrs

from tests.parts.archives import ROOT
from tests.parts.story import blocks

PAGE = (ROOT / "docs" / "cookbook.md").read_text()


@attrs.frozen
class Recipe:
    """A section of the page: its first and last line, and the source of its plugin."""

    name: str
    first: int
    last: int
    source: str

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports in the section, which a test replaces by free ones."""
        text = "\n".join(PAGE.splitlines()[self.first - 1 : self.last])
        return tuple(sorted({int(port) for port in re.findall(r"\b7\d{3}\b", text)}))


def recipes() -> dict[str, Recipe]:
    """Return all recipes of the page, by the names of the plugins."""
    starts = [PAGE.count("\n", 0, found.start()) + 1 for found in re.finditer("^## ", PAGE, re.M)]
    found = {}
    for first, next_one in zip(starts, [*starts[1:], PAGE.count("\n") + 2], strict=True):
        [plugin] = [
            block
            for block in blocks(PAGE)
            if first < block.line < next_one and block.argument.startswith("twisted/plugins/")
        ]
        name = Path(plugin.argument).stem.removesuffix("_plugin")
        found[name] = Recipe(name, first, next_one - 1, plugin.body)
    return found


RECIPES = recipes()
