"""A store with the stores of rules in it, opened as one."""

from logsrv.linelog.read.all_stores import open_all_stores
from tests.parts.stores import lines, make_store


def test_damage_in_the_store_of_a_rule_is_reported_with_its_name(tmp_path):
    """A segment's number alone does not tell in which of the stores it is."""
    main = make_store(tmp_path / "lines", [lines("abc")])
    (main / "stores").mkdir()
    for name in ("audit", "fw"):
        make_store(main / "stores" / name, [lines("abc")])
    (main / "stores" / "audit" / "0000000009-20261120T061842Z.log").mkdir()
    said: list[str] = []
    with open_all_stores(str(main), said.append) as view:
        for store in view.stores.values():
            store.report_odd_names()
    assert said and all(one.startswith("stores/audit: ") for one in said)
