"""docs/shipping.md, followed by a reader in an empty folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import attrs
import pytest

from logsrv.kit.options.kinds import SIZE
from logsrv.linelog.plugin.service import Options
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.store.sealing.retain import LEAST_FREE
from tests.docs.story import Story, blocks

PAGE = (Path(__file__).parent.parent.parent / "docs" / "shipping.md").read_text()
# test_shipping_out.py checks the part about other targets.
OURS = PAGE[: PAGE.index("\n## Other systems as targets")]


@pytest.mark.slow
def test_the_page_about_shipping_works_as_printed(tmp_path: Path) -> None:
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([ours, os.environ["PATH"]])
    with Story(tmp_path, ports=(1234, 2514), environment={"PATH": path}) as reader:
        reader.follow(OURS.replace("relp-127-0-0-1-2514", "relp-127-0-0-1-…"))
        reader.stop()


def test_the_settings_of_the_page_are_valid(tmp_path: Path) -> None:
    [text] = [one.body for one in blocks(OURS) if one.language == "toml"]
    (tmp_path / "c.toml").write_text(text)
    options = Options()
    options.environment = {}
    options.parseOptions(["--config", str(tmp_path / "c.toml")])
    centre, siem = options.settings.targets
    assert centre.ship.takes == "blocks" and str(centre.ship_ca) == "/etc/logsrv/ca.pem"
    assert (siem.label, siem.query, siem.ship_from) == ("siem", "level>=warning", "end")


def test_each_setting_of_shipping_is_on_the_page() -> None:
    for field in attrs.fields(ShipSettings):
        assert f"`{field.name.replace('_', '-')}`" in OURS, field.name


def test_the_limits_of_shipping_on_the_page_are_those_of_the_code() -> None:
    assert LEAST_FREE == 0.05 and "5 % of the disk" in OURS
    shown = SIZE.show(ShipSettings(ship=parse_ship_url("relp://a:1")).ship_at_most)
    assert f"({shown.replace('GiB', ' GiB')} unless" in OURS
