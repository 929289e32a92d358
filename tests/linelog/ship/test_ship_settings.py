"""The options of targets: where lines go, by which names, and what does not go together."""

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.ship.orders import decode_orders, encode_orders, make_orders
from logsrv.linelog.ship.ship_settings import ShipOptions, ShipSettings
from tests.parts.logger_services import settings


def targets(*words: str) -> tuple[ShipSettings, ...]:
    return settings(*words).of(ShipOptions).targets


def of_file(directory: Path, text: str) -> tuple[ShipSettings, ...]:
    config = directory / "c.toml"
    config.write_text(text)
    return targets("--config", str(config))


def test_nothing_is_shipped_unless_asked_for():
    assert targets() == ()


def test_each_url_is_a_target_that_is_called_after_it():
    one, two = targets("--ship", "https://centre/blocks", "--ship", "relp://logs:2514")
    assert (one.label, two.label) == ("https-centre-443", "relp-logs-2514")
    assert (one.ship_from, one.ship_at_most, one.query) == ("beginning", 10 << 30, None)


def test_plain_values_of_a_file_are_targets(tmp_path):
    found = of_file(tmp_path, 'ship = ["relp://a:1", "relp://b:1"]\nship-from = "end"\n')
    assert [one.label for one in found] == ["relp-a-1", "relp-b-1"]
    assert {one.ship_from for one in found} == {"end"}


def test_tables_have_settings_of_their_own_and_take_the_rest_from_above(tmp_path):
    one, two = of_file(
        tmp_path,
        'ship-ca = "ca.pem"\nship-from = "end"\n'
        '[[ship]]\nship = "https://centre/blocks"\nship-token-file = "token"\n'
        '[[ship]]\nship = "syslog+tls://siem"\nname = "siem"\nquery = "level>=error"\n'
        'ship-from = "17:52311"\nship-at-most = "1GiB"\n',
    )
    assert (one.ship_ca, one.ship_token_file) == (tmp_path / "ca.pem", tmp_path / "token")
    assert (one.ship_from, two.ship_from) == ("end", "17:52311")
    assert (two.label, two.query, two.ship_at_most) == ("siem", "level>=error", 1 << 30)


@pytest.mark.parametrize(
    ("above", "in_table", "seconds"),
    [
        ("", "", 120),
        ('keepalive = "8s"\n', "", 8),
        ("keepalive = 0\n", "", None),
        ("keepalive = false\n", "", None),
        ('keepalive = "8s"\n', "keepalive = 9\n", 9),
        ('keepalive = "8s"\n', 'keepalive = "off"\n', None),
    ],
)
def test_a_target_and_a_listener_have_their_own_keepalive_or_that_above(
    tmp_path, above, in_table, seconds
):
    config = tmp_path / "c.toml"
    config.write_text(
        f'{above}[[ship]]\nship = "relp://a:1"\n{in_table}'
        f'[[listener]]\nlisten = "relp:tcp:0"\n{in_table}'
    )
    found = settings("--config", str(config))
    [wanted] = found.of(ShipOptions).targets
    assert wanted.keepalive == found.listener[0].keepalive == seconds
    orders = decode_orders(encode_orders(make_orders(wanted)))
    assert orders.target.keepalive == seconds


def test_the_command_line_replaces_the_targets_of_the_file(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('[[ship]]\nship = "relp://a:1"\n')
    (only,) = targets("--config", str(config), "--ship", "relp://b:1")
    assert only.label == "relp-b-1"
    assert targets("--config", str(config), "--ship", "off") == ()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('ship = "file:///srv/a"\nquery = "x"', "takes whole segments, and a query sends single"),
        ('ship = "https://c/blocks"\nquery = "x"', "takes whole blocks, and a query sends single"),
        ('ship = "relp://a:1"\nname = "a.lock"', "not a name"),
        ('ship = "relp://a:1"\nname = "../a"', "not a name"),
        ('ship = "relp://a:1"\nship-from = "12"', "12 is not a position"),
        ('ship = "relp://a:1"\nship-key = "k"', "--ship-cert, which is missing"),
        ('ship = "relp://a:1"\nquery = "a ("', "query"),
        ('name = "a"', "ship is missing"),
        ('ship = "relp://a:1"\n[[ship]]\nship = "relp://a:1"', "two targets are called relp-a-1"),
        (
            'ship = "https://c/blocks"\n[[ship]]\nship = "https://c/blocks"\nname = "b"',
            "https://c/blocks is given twice",
        ),
    ],
)
def test_contradicting_settings_are_refused(tmp_path, table, sentence):
    with pytest.raises(ConfigurationError) as caught:
        of_file(tmp_path, f"[[ship]]\n{table}\n")
    assert sentence in str(caught.value)


def test_a_table_in_single_brackets_is_told_to_use_double_ones(tmp_path):
    with pytest.raises(ConfigurationError, match=r"begin each table with \[\[ship\]\]"):
        of_file(tmp_path, '[ship]\nship = "relp://a:1"\n')
