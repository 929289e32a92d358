"""Whatever becomes of either process, nothing is lost, and nothing is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from logsrv.gopher.mirror.queue import Job
from logsrv.gopher.mirror.worker import Worker, can_work
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from tests.gopher.conftest import Serve
from tests.gopher.mirror.many import FILES, Site, contents, ended, has_ended, mirror

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_it_is_killed(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    with mirror(site, tmp_path) as process:
        assert process.stderr is not None
        worker = int(process.stderr.readline())
        assert site.halfway.wait(20)
        os.kill(worker, signal.SIGKILL)
        site.go.set()
        report = ended(process)
        assert process.returncode == 0, report
    assert f"{FILES + 1} items fetched" in report
    assert len(contents(tmp_path)) == FILES


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_whole_is_not_fetched_again(
    serve: Serve, tmp_path: Path, number: int, status: int
) -> None:
    site = Site(serve)
    with mirror(site, tmp_path) as process:
        assert process.stderr is not None
        worker = int(process.stderr.readline())
        assert site.halfway.wait(20)
        os.killpg(process.pid, number)
        report = ended(process)
        assert process.returncode == status
        assert "the same command goes on from here" in report
    assert has_ended(worker)
    assert not list(tmp_path.rglob("*.part"))
    site.go.set()
    with mirror(site, tmp_path) as process:
        assert "there already" in ended(process)
        assert process.returncode == 0
    assert len(contents(tmp_path)) == FILES
    # Eight connections, and what each process was about to store.
    assert site.asked.total() <= FILES + 10, "only what was under way is asked for again"


def test_it_ends_with_the_process_that_began_it(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    with mirror(site, tmp_path) as process:
        assert process.stderr is not None
        worker = int(process.stderr.readline())
        assert site.halfway.wait(20)
        process.kill()
        process.wait(10)
        wait_until(lambda: has_ended(worker), "the end of the second process")
    site.go.set()
    with mirror(site, tmp_path) as process:
        assert process.wait(60) == 0
    assert len(contents(tmp_path)) == FILES


def test_it_does_not_begin_beside_threads(serve: Serve) -> None:
    serve(b"")
    assert not can_work()


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts descriptors")
def test_nothing_is_left_open_of_one_that_ended_by_itself() -> None:
    before = os.listdir("/proc/self/fd")
    worker = Worker(lambda source, target: None)
    wait_until(lambda: worker.ended() and worker.gone, "its end")
    worker.close()
    assert os.listdir("/proc/self/fd") == before


def test_it_ends_when_nothing_waits_any_more() -> None:
    worker = Worker(lambda source, target: None if os.read(source, 1) else os.close(target))
    job = Job(GopherURL.parse("gopher://h/0/x"), ("h", 70, b"/x"), 1)
    worker.share(2)
    assert worker.takes(job)
    worker.share(0)
    wait_until(lambda: worker.ended() and worker.gone, "its end")
    worker.share(200)
    assert not worker.takes(job)
    worker.close()


def test_it_can_be_stopped_twice() -> None:
    """Who presses Ctrl-C again meanwhile begins anew with the end."""
    worker = Worker(lambda source, target: None)
    assert worker.stop() == worker.stop() == (0, [])
    worker.close()
