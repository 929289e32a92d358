"""The order of the tests: the longest begin first, so that no worker has to wait for them at the end."""

import itertools
from collections.abc import Iterator, Sequence

from xdist.scheduler import LoadFileScheduling, WorkStealingScheduling
from xdist.workermanage import WorkerController

DEBIAN = "tests/debian/"
PAGES = "tests/linelog/http/page/test_"
END_TO_END = "tests/end_to_end/test_"
# For --dist loadfile: the scopes that take longest, the longest first. xdist begins with those of most
# tests, and a file of one test that installs things would be the last.
LONGEST = (
    DEBIAN,
    "tests/docs/test_tutorial.py",
    "tests/powercut/test_states.py",
    f"{END_TO_END}page_of_records.py",
    f"{END_TO_END}comings_and_goings.py",
    f"{END_TO_END}live_page.py",
    f"{END_TO_END}alerts_survive.py",
    f"{END_TO_END}columns.py",
    f"{END_TO_END}alert_conditions.py",
    "tests/docs/test_first_hour.py",
    "tests/cli/test_run.py",
    "tests/kit/servers/test_servers.py",
    f"{END_TO_END}http_live.py",
    f"{END_TO_END}ten_questions.py",
    f"{END_TO_END}nats_lies.py",
    *(f"{END_TO_END}{name}.py" for name in ("ship", "service_manager", "ship_gaps", "alerts")),
    *(
        f"{PAGES}{name}.py"
        for name in ("browser", "accessibility", "browser_past", "scope", "looks")
    ),
    "tests/powercut/test_blocks.py",
    "tests/powercut/test_shipping.py",
    "tests/docs/test_shipping.py",
    "tests/release/test_archives.py",
    "tests/kit/children/test_fork_side.py",
    *(
        f"tests/linelog/{name}_command.py"
        for name in ("doctor/test_doctor", "importing/test_import")
    ),
    "tests/cli/test_check.py",
    "tests/docs/test_alerts.py",
    *(f"{END_TO_END}{name}.py" for name in ("care", "lake", "holes", "nats_full", "centres")),
    *(f"{END_TO_END}{name}.py" for name in ("nats_emptied", "broken_peers", "archive")),
)
# For --dist worksteal: the quick tests above three seconds in CI, from its lists of the slowest.
SLOWEST = (
    "tests/linelog/questions/test_any_question.py",
    "tests/linelog/columns/test_choice.py::test_a_field_is_known_in_all_frames_or_left_out",
    "tests/gopher/mirror/test_update.py::test_an_update_that_got_nothing_changes_nothing_and_goes_on",
    f"{END_TO_END}own_target.py",
    f"{END_TO_END}nats.py::test_what_an_edge_has_is_in_the_centre_byte_by_byte",
    f"{END_TO_END}faults.py::test_stopping_on_a_full_disk",
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


class SlowestFirst(WorkStealingScheduling):
    """Lets each worker begin with its share of the slowest tests; only later ones are taken from it."""

    def check_schedule(self) -> None:
        if self.pending and self.collection is not None:
            names = {number: self.collection[number] for number in self.pending}
            slow = [number for number in self.pending if names[number].startswith(SLOWEST)]
            self.pending[:] = dealt(self.pending, slow, len(self.nodes))
        super().check_schedule()


def dealt(tests: Sequence[int], slow: Sequence[int], workers: int) -> Iterator[int]:
    """Yield the tests in an order of which each worker gets an even part, with its share of the slow ones
    first.
    """
    sizes = [(len(tests) + one) // workers for one in range(workers)]
    shares = [slow[one::workers][: sizes[one]] for one in range(workers)]
    begun = {number for share in shares for number in share}
    others = (number for number in tests if number not in begun)
    for size, share in zip(sizes, shares, strict=True):
        yield from share
        yield from itertools.islice(others, size - len(share))
