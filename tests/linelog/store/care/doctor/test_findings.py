"""A finding says how much it weighs, and two are the same whatever would put them right."""

from __future__ import annotations

from logsrv.linelog.store.care.doctor.findings import Remedy, Weight, damaged, lost, note


def test_only_what_is_lost_may_not_know_how_many_lines() -> None:
    assert lost("gone", "a", "b", "c", "d").lines is None
    assert lost("gone", "a", "b", "c", "d", lines=3).lines == 3
    assert damaged("odd", "a", "b", "c", "d").lines == note("seen", "a", "b", "c").lines == 0
    assert [weight.value for weight in Weight] == ["lost", "damaged", "note"]


def test_a_remedy_makes_no_other_finding_of_it() -> None:
    with_one = damaged("odd", "a", "b", "c", "d", Remedy(lambda: None))
    assert with_one == damaged("odd", "a", "b", "c", "d")
