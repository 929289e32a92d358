"""docs/shipping.md and docs/reading.md work as printed; their limits are those of the code."""

import re

import attrs
import pytest

from logsrv.kit.options.kinds import SIZE
from logsrv.linelog.fields.outgoing import LONGEST_NAME
from logsrv.linelog.formats.loki.send import MOST_HOSTS
from logsrv.linelog.formats.syslog import syslog_target
from logsrv.linelog.plugin.service import Options
from logsrv.linelog.ship.address import PLUGINS, parse_ship_url
from logsrv.linelog.ship.ship_settings import ShipOptions, ShipSettings
from logsrv.linelog.ship.targets.target import ANSWER
from logsrv.linelog.store.sealing.retain import LEAST_FREE
from tests.parts.archives import ROOT
from tests.parts.programs import program
from tests.parts.story import OURS, Story, blocks

PAGE = (ROOT / "docs/shipping.md").read_text()
TO_US, _, _ = PAGE.partition("\n## Other systems as targets")


def section(heading: str) -> str:
    """Return a part of the page, from its heading to the next of the same or a higher level."""
    level, _ = heading.split(" ", 1)
    begun = PAGE[PAGE.index(f"{heading}") :]
    return re.split(rf"\n#{{2,{len(level)}}} ", begun, maxsplit=1)[0]


TO_OTHERS = section("## Other systems as targets")
PARTS = {
    "six targets": (section("### Try it"), (2514, 1514, 3100, 5140)),
    "archive": (section("## Archive").partition("\n### ")[0], (5141,)),
    "two centres": (
        section("## Two centres"),
        (8443, 8444, 9443, 9444, 9445, 5142, 5143),
    ),
    "reading a log": ((ROOT / "docs/reading.md").read_text(), (5140,)),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name == "six targets" else pytest.mark.slow)
        for name in PARTS
    ],
)
def test_a_part_of_the_page_works_as_printed(name, tmp_path):
    program("openssl", "openssl")
    program("rsync", "rsync")
    text, ports = PARTS[name]
    with Story(tmp_path, ports=ports, environment=OURS) as reader:
        reader.follow(text)
        reader.stop()


def test_the_settings_of_the_page_are_valid(tmp_path):
    [text] = [one.body for one in blocks(TO_US) if one.language == "toml"]
    (tmp_path / "c.toml").write_text(text)
    options = Options()
    options.environment = {}
    options.parseOptions(["--config", str(tmp_path / "c.toml")])
    centre, siem = options.settings.of(ShipOptions).targets
    assert centre.ship.takes == "blocks" and str(centre.ship_ca) == "/etc/logsrv/ca.pem"
    assert (siem.label, siem.query, siem.ship_from) == ("siem", "level>=warning", "end")


def test_each_setting_and_scheme_of_shipping_is_on_the_page():
    for field in attrs.fields(ShipSettings):
        assert f"`{field.name.replace('_', '-')}`" in TO_US, field.name
    for name, plugin in PLUGINS.schemes().items():
        assert plugin.takes != "lines" or f"`{name}:" in TO_OTHERS, name


def test_the_limits_of_shipping_on_the_page_are_those_of_the_code():
    assert LEAST_FREE == 0.05 and "5 % of the disk" in TO_US
    shown = SIZE.show(ShipSettings(ship=parse_ship_url("relp://a:1")).ship_at_most)
    assert f"({shown.replace('GiB', ' GiB')} unless" in TO_US
    assert f"after {MOST_HOSTS:,} hosts" in TO_OTHERS
    assert f"cut at {LONGEST_NAME} characters" in TO_OTHERS
    assert f"gives up after {ANSWER:g} s, and" in TO_OTHERS
    ports = dict(re.findall(r"`(syslog(?:\+tls)?)://HOST` \((?:port )?(\d+)\)", TO_OTHERS))
    assert ports == {name: str(scheme.port) for name, scheme in syslog_target.schemes.items()}
