"""docs/cookbook.md: the lines of each plugin are counted, and it runs under twistd as the page says.

A section has one file `twisted/plugins/NAME_plugin.py`. Its ports are the numbers of the form 7xxx.
"""

import runpy
from pathlib import Path

import pytest

from logsrv.kit.testing import MemoryService
from tests.parts.cookbook import PAGE, RECIPES
from tests.parts.story import OURS, Story

# Most lines of each plugin that are neither blank nor a comment.
MOST_LINES = {
    "echo": 10,
    "chat": 40,
    "memcached": 35,
    "manager": 25,
    "hosts": 35,
    "digits": 15,
    "counted": 40,
    "jobs": 35,
    "relay": 30,
    "proxy": 20,
    "udp_forwarder": 35,
    "disk": 15,
    "tally": 15,
    "guests": 45,
    "notes": 35,
}


def own_lines(source: str) -> int:
    """Return the number of lines that are neither blank nor a comment; docstrings count."""
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def reading(name: str, folder: Path) -> Story:
    """Yield a reader who has followed this recipe to its end; its server still runs."""
    recipe = RECIPES[name]
    reader = Story(folder, ports=recipe.ports, environment=OURS)
    try:
        reader.follow(PAGE, last=min(recipe.first for recipe in RECIPES.values()))
        reader.follow(PAGE, recipe.first, recipe.last)
    except BaseException:
        reader.__exit__(None, None, None)
        raise
    return reader


def test_each_recipe_has_a_limit_of_lines():
    assert set(RECIPES) == set(MOST_LINES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_no_longer_than_promised(name):
    assert own_lines(RECIPES[name].source) <= MOST_LINES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_as_printed(name, tmp_path):
    """The test follows file, commands and conversations of a recipe, with a real twistd."""
    with reading(name, tmp_path):
        pass


def test_a_forwarder_takes_no_answer_of_others(tmp_path):
    """Nor more than a hundred questions at a time; an unanswered one ends after five seconds."""
    (tmp_path / "udp_forwarder.py").write_text(RECIPES["udp_forwarder"].source)
    plugin = runpy.run_path(str(tmp_path / "udp_forwarder.py"))["udp_forwarder"]
    service = MemoryService(plugin, "--to", "192.0.2.53")
    asks = service.sender()
    asks.send(b"who is ada?")
    service.sender("192.0.2.54", 53, to="udp:0").send(b"192.0.2.66")
    assert asks.received() == []
    far = service.sender("192.0.2.53", 53, to="udp:0")
    far.send(b"192.0.2.1")
    assert asks.received() == [b"192.0.2.1"]
    for _ in range(101):
        asks.send(b"who is bob?")
    assert service.metric("datagrams_faulty_total") == 1
    service.clock.advance(6)
    asks.send(b"who is carol?")
    service.sender("192.0.2.53", 53, to="udp:0").send(b"192.0.2.3")
    assert asks.received() == [b"192.0.2.3"]
