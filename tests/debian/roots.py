"""Roots of a bare Debian: made once from the archive, then one overlay above another."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "SYSTEMD_LOG_TARGET": "console",
}


def bootstrap(folder: Path, suite: str = "bookworm", *more: str) -> subprocess.Popen[str]:
    """Begin to make a minimal Debian with systemd and these packages in `folder`.

    The archive's lists stay in it.
    """
    return subprocess.Popen(
        [
            "mmdebstrap",
            "--variant=minbase",
            "--include=" + ",".join(["systemd", "systemd-sysv", *more]),
            "--skip=cleanup/apt/lists",
            # Nothing of it has to outlive a power cut of this machine.
            "--dpkgopt=force-unsafe-io",
            suite,
            str(folder),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# Has its own mounts and processes, which are gone with it, however it ends.
_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_CHROOT = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
exec chroot "$0" "$@"
"""


@dataclass(frozen=True)
class Root:
    """A root file system at `path`, whose changes since the ones below are in `changes`."""

    path: Path
    changes: Path

    def run(self, *command: str, status: int = 0, network: bool = True) -> str:
        """Return what `command` prints in a chroot of this; the test fails if it ends otherwise."""
        done = subprocess.run(
            self._in_chroot(*command, network=network),
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def kill_at(self, words: str, *command: str) -> None:
        """Run `command` in a chroot, and kill it and its children when it prints `words`."""
        with subprocess.Popen(
            self._in_chroot(*command),
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                if words in line:
                    process.kill()
        assert words in printed, printed
        assert process.returncode == -signal.SIGKILL, printed

    def _in_chroot(self, *command: str, network: bool = True) -> list[str]:
        apart = [*_APART] if network else [*_APART, "--net"]
        return [*apart, "sh", "-e", "-c", _CHROOT, str(self.path), *command]

    def status(self) -> str:
        """What dpkg thinks of logsrv, such as `install ok installed`."""
        return self.run("dpkg-query", "-W", "-f", "${Status}", "logsrv")

    def files(self) -> set[str]:
        """All paths but those below /proc, /dev and /srv, which are mounted."""
        return set(self.run("find", "/", "-xdev").splitlines())


@contextmanager
def above(folder: Path, packages: Path, *below: Path) -> Iterator[Root]:
    """A root with the files of `below`, the first on top; its changes in `folder`, `packages` in /srv."""
    changes, work, path = folder / "changes", folder / "work", folder / "root"
    for one in (changes, work, path):
        one.mkdir(parents=True)
    lower = ":".join(map(str, below))
    # volatile: each file that an upgrade replaces would be copied up and synced, 90 s for the package.
    where = f"lowerdir={lower},upperdir={changes},workdir={work},volatile"
    with (
        mounted("-t", "overlay", "-o", where, "overlay", path),
        mounted("--bind", packages, path / "srv"),
    ):
        yield Root(path, changes)


@contextmanager
def mounted(*arguments: str | Path) -> Iterator[None]:
    """What `mount` of these `arguments` has put at the last of them, until the end."""
    subprocess.run(["mount", *arguments], check=True)
    try:
        yield
    finally:
        # Lazily: what a failed test has left running may still be in there.
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)
