"""What setup.cfg says of packages and commands: what works in the checkout works installed."""

from __future__ import annotations

import configparser

from tests.test_structure import MODULES, ROOT, name_of


def test_every_package_is_in_setup_cfg() -> None:
    """A folder that is missing there works in the checkout and not when installed."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {name_of(path) for path in MODULES if path.name == "__init__.py"}
    assert listed == found | {"twisted.plugins"}
    assert not list((ROOT / "twisted").rglob("__init__.py"))


def test_commands_are_entry_points() -> None:
    """The first line of a file under `scripts` cannot name a Python in a folder with a space."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "scripts" not in config["options"]
