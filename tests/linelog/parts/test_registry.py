"""The table of parts: which are here, and with which options."""

import pytest

from logsrv.kit.options.declare import option_name, options_of, table_key, tables_of
from logsrv.linelog.leaves import LEAVES
from logsrv.linelog.parts.part import Part
from logsrv.linelog.parts.registry import PARTS, find_parts
from logsrv.linelog.plugin.logger_settings import PARTS_FOUND
from logsrv.linelog.store.policy import StorePolicy
from tests.parts.logger_services import service


def test_the_list_of_what_can_be_taken_away_knows_the_options_of_each_part():
    """Whoever gives one without the part hears of it by this list."""
    listed = {leaf.folder: {*leaf.options} for leaf in LEAVES if leaf.options}
    assert listed.keys() == {one.part.name for one in PARTS_FOUND.usable} - {"ship"}
    for one in PARTS_FOUND.usable:
        tables = {table_key(*each) for each in tables_of(one.options).items()}
        named = {*map(option_name, options_of(one.options)), *tables}
        assert listed.get(one.part.name, named) == named


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("logsrv.linelog.store.policy:StorePolicy", "there is an option --columns already"),
        ("tests.linelog.parts.nothing:Options", "tests.linelog.parts.nothing cannot be imported"),
        ("logsrv.errors:StoreError", "StoreError"),
    ],
)
def test_a_part_whose_options_do_not_fit_costs_no_other(monkeypatch, options, why):
    wrong = Part("wrong", "does not fit", options, "nowhere:Work", rank=0)
    found = {"wrong": wrong, **PARTS.all()}
    monkeypatch.setattr(PARTS, "all", lambda: found)
    parts = find_parts((StorePolicy,))
    assert [one.part.name for one in parts.usable] == ["alerts", "ship", "http"]
    assert why in parts.broken["part wrong"]


def test_a_part_has_its_own_options_and_no_others():
    logger = service("--keep-bytes", "2GiB", "--alert", "x", "--alert-command", "true")
    alerts, *_ = (one.options for one in PARTS_FOUND.usable)
    found = logger.settings.of(alerts)
    assert type(found) is alerts and not hasattr(found, "keep_bytes")
    assert found.alert_command == ("true",)
