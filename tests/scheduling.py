"""What `--dist loadfile` gives a worker: the tests of a file, of the Debian package, of the live page."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

DEBIAN = "tests/debian/"
PAGES = "tests/linelog/http/page/"
# The scopes that take longest, the longest first. xdist begins with those of most tests: a file of one test
# that installs things would be the last, and all workers but one would be idle meanwhile.
LONGEST = (
    DEBIAN,
    PAGES,
    "tests/docs/test_tutorial.py",
    "tests/end_to_end/test_alerts_survive.py",
    "tests/docs/test_first_hour.py",
    "tests/kit/servers/test_servers.py",
    "tests/end_to_end/test_nats_lies.py",
    "tests/powercut/test_states.py",
    "tests/end_to_end/test_live_page_nodes.py",
    "tests/end_to_end/test_live_page.py",
)


def scope_of(test: str) -> str:
    """Return the scope of a test: its file, or a folder whose tests share a package or a browser."""
    file = test.partition("::")[0]
    return next((folder for folder in (DEBIAN, PAGES) if file.startswith(folder)), file)


class FilesTogether(LoadFileScheduling):
    """Gives all tests of a scope to one worker, the longest scopes first."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        for scope in reversed(LONGEST):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
