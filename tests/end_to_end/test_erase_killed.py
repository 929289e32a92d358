"""Nothing of an erased line is left anywhere, whatever was killed while it was erased everywhere.

    LOGSRV_KILLS=50 pytest -s -m '' tests/end_to_end/test_erase_killed.py

kills so often an erase in a store, a bucket and a lake, a backup, the shipper or the server, at a random
request of the bucket. Then a user finishes as the page "personal data" says, and every file and object is
read: raw, decompressed, and as Parquet.
"""

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import attrs
import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.shipping import statuses
from tests.parts.bucket_server import BucketServer, running, set_keys
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.daemons import LOOPBACK, Logger, Start
from tests.parts.disks import text_of
from tests.parts.erasing import everything
from tests.parts.warm.process import popen

pytest.importorskip("obstore")

KILLS = int(os.environ.get("LOGSRV_KILLS", "6"))
NUMBER = re.compile(rb" n=(\d+) ")
WORD = b"zebulon"
"""The beginning of the person's name and of a word in each of the lines, which nothing else has."""
QUERY = WORD.decode()
IN_USE = "is in use by process"
ASKED = ("table?q=|+count+by+user", "top?field=user", "table?q=|+count+by+user,n+|+limit+20000")

pytestmark = [
    pytest.mark.long,
    pytest.mark.nightly,
    pytest.mark.minutes(10),
    pytest.mark.complains("the process was ended by SIGKILL", IN_USE),
]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    set_keys(monkeypatch)
    with running() as server:
        yield server


@attrs.define(eq=False)
class Site:
    """A server whose store is shipped into a bucket and a lake, and what can be killed there."""

    start: Start
    home: Path
    bucket: BucketServer
    chance: random.Random
    server: Logger = attrs.field(init=False)
    sent: int = 0

    def __attrs_post_init__(self) -> None:
        lake = self.bucket.url("lake").replace("s3://", "lake+s3://")
        (self.home / "c.toml").write_text(
            f'rotate-size = "24KiB"\nkeep-bytes = "100KiB"\nkeep-indexes = 30\nhttp = "{LOOPBACK}"\n'
            f"ship = {json.dumps([self.bucket.url(), lake])}\n"
            'alert-command = "/bin/true"\n'
            f'saved = "{self.home}/saved.json"\n'
            '[[alerts]]\nname = "user"\nalert = "user=* | count > 0 in 1h by user"\n'
        )
        self.begin()

    def begin(self) -> None:
        self.server = self.start("--config", str(self.home / "c.toml"))

    def _begin_again(self, erasing: subprocess.Popen[bytes]) -> None:
        """Start the server beside an erase; after it, if that holds the store: it has seen no server."""
        try:
            self.begin()
        except AssertionError as error:
            if IN_USE not in str(error):
                raise
            erasing.wait(2 * PATIENCE)
            self.begin()

    @property
    def store(self) -> str:
        return str(self.server.store)

    def erase(self, *words: str) -> subprocess.Popen[bytes]:
        pipes = dict.fromkeys(("stdout", "stderr", "stdin"), subprocess.PIPE)
        return popen([*LOGSRV, "erase", *words, "--everywhere", "-d", self.store], **pipes)

    def send(self, lines: int) -> None:
        """Send lines; every tenth is about the person, and the server has them when this returns."""
        numbers = range(self.sent, self.sent + lines)
        self.server.send(b"".join(map(self._line, numbers)))
        self.sent += lines
        last = b" n=%d " % (self.sent - 1)
        self.server.wait_until(lambda: last in text_of(self.server.store), "the lines")

    def _line(self, number: int) -> bytes:
        letters = random.Random(number).randbytes(50).hex().encode()
        if number % 10:
            return b"user=bob n=%d text=%b\n" % (number, letters)
        return b"user=%bquist n=%d text=%b-%d %b\n" % (WORD, number, WORD, number, letters)

    def ask(self, what: str) -> bytes:
        where = f"http://127.0.0.1:{self.server.ports()[1]}/api/{quote(what, safe='?=&+/,')}"
        with urlopen(where, timeout=PATIENCE) as answer:
            found: bytes = answer.read()
        return found

    def kill(self, what: str, erasing: subprocess.Popen[bytes], backup: Path) -> None:
        """Kill something at a random request of the bucket, while an erase and perhaps a backup run."""
        at = len(self.bucket.asked) + self.chance.randrange(40)
        command = None
        if what == "backup":
            pipes = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
            command = popen([*LOGSRV, "backup", self.store, str(backup)], **pipes)
        wait_until(
            lambda: len(self.bucket.asked) >= at or erasing.poll() is not None,
            "a request",
            2 * PATIENCE,
        )
        if what == "erase":
            erasing.kill()
        elif what == "backup":
            assert command is not None
            command.kill()
            command.wait(PATIENCE)
        elif what == "shipper" and (child := self.server.child("ship.ship_child")):
            os.kill(child, signal.SIGKILL)
        elif what == "server":
            self.server.stop(signal.SIGKILL)
            self._begin_again(erasing)


def test_nothing_of_erased_lines_is_left_anywhere(logger, tmp_path, bucket):
    chance = random.Random(KILLS)
    site = Site(logger, tmp_path, bucket, chance)
    before = []
    for turn in range(KILLS):
        site.send(500)
        before += [site.ask(what) for what in ASKED]
        erasing = site.erase(QUERY, "--yes")
        what = ("erase", "server", "backup", "shipper")[turn % 4]
        site.kill(what, erasing, tmp_path / "backup")
        said, why = erasing.communicate(timeout=4 * PATIENCE)
        print(what, erasing.returncode, why.decode()[-300:])
    assert any(WORD in one for one in before)
    # What a user does after an interruption, and once more for lines that came meanwhile.
    for words in (("--finish",), (QUERY, "--yes")):
        finishing = site.erase(*words)
        said, why = finishing.communicate(timeout=4 * PATIENCE)
        assert finishing.returncode in (0, 1), (said, why)
    assert [what for what in ASKED if WORD in site.ask(what)] == []
    site.server.wait_until(
        lambda: {(one["lag_bytes"], one["up"]) for one in statuses(site.server)} == {(0, True)},
        "the bucket",
        2 * PATIENCE,
    )
    site.server.wait_until(
        lambda: not [*(site.server.store / "alerts").glob("erased.json")], "the alerts"
    )
    backup = tmp_path / "backup"
    done = logsrv("backup", "--delete", site.store, str(backup))
    assert done.returncode == 0, done.stderr
    site.server.stop()
    _require_nothing_left(tmp_path)
    (tmp_path / "objects").mkdir()
    for name, data in bucket.objects.items():
        path = tmp_path / "objects" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    _require_nothing_left(tmp_path / "objects")
    _require_others(site, backup)


def _require_nothing_left(place: Path) -> None:
    found = {
        name: data.count(WORD) for name, data in everything(place).items() if WORD in data.lower()
    }
    assert found == {}


def _require_others(site: Site, backup: Path) -> None:
    """Each line of others is found once, in its order, and each way of reading agrees."""
    others = site.sent - len(range(0, site.sent, 10))
    doctor = logsrv("doctor", site.store)
    assert doctor.returncode == 0, doctor.stdout
    for store in (site.store, str(backup)):
        found = logsrv("search", "-d", store, "user=bob")
        numbers = [int(one) for one in NUMBER.findall(found.stdout)]
        assert numbers == [n for n in range(site.sent) if n % 10], found.stderr
        for words, count in (
            (("user=bob",), others),
            (("/user=bob|zebulon/",), others),
            (("zebulon",), 0),
            (("erased",), site.sent - others),
        ):
            shown = logsrv("search", "-d", store, "--count", *words)
            assert shown.stdout.decode().strip() == str(count), (store, words, shown)
        shown = logsrv("search", "-d", store, "| count by user", "--output", "json")
        rows = [json.loads(one) for one in shown.stdout.splitlines()]
        assert {one["user"]: one["count"] for one in rows} == {
            "bob": others,
            None: site.sent - others,
        }, shown
