"""What `--dist loadfile` gives a worker: the tests of a file, or of the Debian package."""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

DEBIAN = "tests/debian/"
PAGES = "tests/linelog/http/page/test_"
# The scopes that take longest, the longest first. xdist begins with those of most tests: a file of one test
# that installs things would be the last, and all workers but one would be idle meanwhile.
LONGEST = (
    DEBIAN,
    "tests/docs/test_tutorial.py",
    "tests/end_to_end/test_live_page.py",
    "tests/end_to_end/test_alerts_survive.py",
    "tests/docs/test_first_hour.py",
    "tests/kit/servers/test_servers.py",
    "tests/end_to_end/test_ten_questions.py",
    "tests/end_to_end/test_alert_conditions.py",
    "tests/end_to_end/test_nats_lies.py",
    "tests/powercut/test_states.py",
    "tests/cli/test_run.py",
    *(f"{PAGES}{name}.py" for name in ("browser", "accessibility", "browser_past", "scope")),
)


def scope_of(test: str) -> str:
    """Return the scope of a test: its file, or the folder whose tests share a package."""
    file = test.partition("::")[0]
    return DEBIAN if file.startswith(DEBIAN) else file


class FilesTogether(LoadFileScheduling):
    """Gives all tests of a scope to one worker, the longest scopes first."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        for scope in reversed(LONGEST):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
