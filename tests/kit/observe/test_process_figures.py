"""What a scrape tells of the process itself."""

from __future__ import annotations

import os
import sys

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from logsrv.kit.observe import process_figures
from logsrv.kit.observe.process_figures import ProcessFigures, open_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def figures(registry: CollectorRegistry) -> dict[str, float]:
    return {one.name: one.value for family in registry.collect() for one in family.samples}


def test_they_are_those_of_prometheus_own_client() -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    ProcessCollector(registry=theirs)
    ours.register(ProcessFigures())
    wanted, found = figures(theirs), figures(ours)
    assert wanted.keys() == found.keys()
    for name, value in wanted.items():
        # Descriptors that either opens to look, memory in between, the seconds of btime.
        assert found[name] == pytest.approx(value, rel=0.05, abs=3)


def test_an_open_file_is_one_more() -> None:
    before = open_files()
    descriptors = os.pipe()
    assert open_files() == before + 2
    for one in descriptors:
        os.close(one)
    assert open_files() == before


def test_where_linux_does_not_tell_the_number_they_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Older:
        st_size = 0

    monkeypatch.setattr(os, "stat", lambda path: Older)
    # The one by which they are listed is among them.
    assert open_files() == len(os.listdir("/proc/self/fd"))


def test_without_proc_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_figures, "DESCRIPTORS", "/proc/self/nothing")
    assert list(ProcessFigures().collect()) == []
