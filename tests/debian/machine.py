"""A root that systemd boots, in a container of systemd-nspawn with a network of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.debian.roots import ENVIRONMENT, Root

_NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network")


class Machine:
    """A root that is booted; commands are run in it from outside, in the namespaces of its systemd."""

    def __init__(self, root: Root, console: Path) -> None:
        self._command = [*_NSPAWN, f"--directory={root.path}", "--link-journal=no", "--boot"]
        self._console = console
        self._first = 0

    def boot(self) -> None:
        """Boot, and wait until systemd has started everything.

        Raises RuntimeError, with what the console shows, if the container has ended.
        """
        with self._console.open("ab") as output:
            self._nspawn = subprocess.Popen(
                [*self._command, "systemd.show_status=no"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        wait_until(self._is_up, "systemd to be up", 2 * PATIENCE)

    def reboot(self) -> None:
        """Boot anew when the machine has gone down, which it was told to do."""
        self._nspawn.wait(2 * PATIENCE)
        self.boot()

    def end(self) -> None:
        """Switch it off."""
        self._nspawn.terminate()
        try:
            self._nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()

    def _is_up(self) -> bool:
        if self._nspawn.poll() is not None:
            raise RuntimeError(self._console.read_text(errors="replace"))
        # nspawn's only child: helpers at first, then systemd, the first process of the machine.
        try:
            children = Path(
                f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children"
            ).read_text()
            self._first = int(children)
            name = Path(f"/proc/{self._first}/comm").read_text().strip()
        except (OSError, ValueError):
            return False
        if name != "systemd":
            return False
        state = self._run("systemctl", "is-system-running").stdout.strip()
        return state in ("running", "degraded")

    def run(self, *command: str, status: int = 0) -> str:
        """Return what `command` prints there; the test fails if it ends otherwise."""
        done = self._run(*command)
        assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        with self.start(*command) as process:
            printed = process.communicate()[0]
        return subprocess.CompletedProcess(command, process.returncode, printed)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start `command` there."""
        return subprocess.Popen(
            ["nsenter", "--target", str(self._first), "--all", "--root", "--wd=/", *command],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def booted(root: Root, console: Path) -> Iterator[Machine]:
    """`root` while systemd runs it; RuntimeError where that cannot be, with what it says."""
    machine = Machine(root, console)
    try:
        machine.boot()
        yield machine
    finally:
        machine.end()


def install(machine: Machine, deb: Path) -> str:
    """What apt prints that installs `deb` without a network."""
    options = ("--yes", "--quiet", "-o", "DPkg::Options::=--force-confold")
    return machine.run("apt-get", "install", *options, f"/srv/{deb.name}")
