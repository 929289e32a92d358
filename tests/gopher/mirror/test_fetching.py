"""Two processes keep the limits of one, and two there are only where that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.gopher.conftest import Serve
from tests.gopher.mirror.many import FILES, Site, contents, ended, mirror

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_the_limit_of_bytes_counts_what_both_receive(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, {b"/large%d.bin" % number: bytes(100_000) for number in range(50)})
    site.go.set()
    with mirror(site, tmp_path, "--max-bytes", "1000000") as process:
        assert "stopped by --max-bytes" in ended(process)
    assert sum(map(len, contents(tmp_path).values())) < 2_500_000


def test_a_few_connections_and_as_many_again_in_a_second_process(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, waits=FILES // 2)
    with mirror(site, tmp_path) as process:
        wait_until(lambda: site.server.most_open == 8, "eight connections")
        site.go.set()
        ended(process)
    assert site.server.most_open == 8
    assert len(contents(tmp_path)) == FILES


def test_both_keep_within_the_connections_that_were_asked_for(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    site.go.set()
    with mirror(site, tmp_path, "--connections", "4") as process:
        ended(process)
    assert site.server.most_open <= 4
    assert len(contents(tmp_path)) == FILES


@pytest.mark.parametrize("option", ["--connections=1", "--delay=0.001s"])
def test_it_is_not_for_those_who_want_one_thing_after_the_other(
    serve: Serve, tmp_path: Path, option: str
) -> None:
    site = Site(serve)
    site.go.set()
    with mirror(site, tmp_path, option) as process:
        _, told = process.communicate(timeout=60)
    assert told == ""
    assert len(contents(tmp_path)) == FILES


def test_a_system_that_has_no_room_for_another_process(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    site.go.set()
    refused = "import os\ndef fork(): raise BlockingIOError(11, 'no more')\nos.fork = fork\n"
    with mirror(site, tmp_path, before=refused) as process:
        report = ended(process)
        assert process.returncode == 0, report
    assert len(contents(tmp_path)) == FILES
    assert site.asked.total() == FILES
