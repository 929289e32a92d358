"""The image: built from the last commit by a user without rights, and run on a read-only root.

Its base is a Debian that mmdebstrap makes, as no registry of images is needed for it. The default base of
packaging/Containerfile has a digest.
"""

import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.options.declare import options_of
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from tests.parts.archives import ROOT
from tests.parts.programs import missing, program
from tests.parts.scripts import script

USER = 47_110
# A base is made, wheels are fetched, and each step copies the tree.
BUILDS = 60 * PATIENCE
# In a mount namespace of its own, so the machine keeps its users: a user with 65,536 subordinate ids, and
# one hierarchy of cgroups, as every Debian since 11 has it.
ROOTLESS = """
cd "$0"
for file in passwd group subuid subgid; do
    [ ! -e "/etc/$file" ] || mount --bind "$file" "/etc/$file"
done
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec setpriv --reuid USER --regid USER --clear-groups "$@"
""".replace("USER", str(USER))
# Not in podman's list: no cgroups, as a container of CI has none to give; no network: loopback is enough.
LOCKED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--cgroups=disabled"),
    *("--security-opt", "no-new-privileges", "--network", "none"),
)

SEND = """
import socket
with socket.create_connection(("127.0.0.1", 1234)) as connection:
    connection.sendall(b"".join(b"a line %d.\\n" % number for number in range(20000)))
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
"""


def test_the_usual_base_has_a_digest():
    text = (ROOT / "packaging/Containerfile").read_text()
    [base] = re.findall(r"^ARG BASE=(.*)", text, re.MULTILINE)
    assert re.fullmatch(r"docker\.io/library/python@sha256:[0-9a-f]{64}", base)
    assert re.findall(r"^FROM (.*)", text, re.MULTILINE) == ["${BASE} AS build", "${BASE}"]


def test_what_is_installed_has_sums_and_the_server_is_not_root():
    text = (ROOT / "packaging/Containerfile").read_text()
    fetched = re.findall(r"pip install (?!.*--no-index).*", text)
    assert fetched and all("--require-hashes" in line for line in fetched)
    assert "\nUSER 10001:10001\n" in text and "\nHEALTHCHECK " in text


def test_no_option_of_the_image_overrules_a_variable_or_a_mounted_file():
    """`-e LOGSRV_LISTEN=…` was ignored without a word. By default it listens at the exposed port."""
    text = (ROOT / "packaging/Containerfile").read_text()
    assert text.endswith('\nENTRYPOINT ["twistd", "-n", "--pidfile=", "logsrv"]\nCMD []\n')
    variables = " ".join(re.findall(r"^ENV ((?:.*\\\n)*.*)", text, re.MULTILINE))
    assert re.findall(r"LOGSRV_(\w+)=(\S+)", variables) == [
        ("DIRECTORY", "/var/lib/logsrv/lines"),
        ("METRICS", "tcp:9100"),
    ]
    [default] = options_of(LoggerSettings)["listen"].default
    assert default == "tcp:1234" and "\nEXPOSE 1234/tcp 9100/tcp\n" in text


def test_the_folder_of_the_base_is_made(tmp_path):
    """A fresh clone has no folder build/. The program here stands for mmdebstrap, which takes minutes."""
    made = tmp_path / "mmdebstrap"
    made.write_text('#!/bin/sh\nfor file; do :; done\necho tree >"$file"\n')
    made.chmod(0o755)
    script = (ROOT / "packaging/base.sh", tmp_path / "a build/base.tar")
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", *script], check=True, env={"PATH": path}, timeout=PATIENCE)
    assert script[1].read_text() == "tree\n"


def test_files_of_the_image_have_no_mode_of_a_checkout():
    """With umask 077 the user of the server could not read the folders of plugins (logsrv.pth)."""
    text = (ROOT / "packaging/Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
    assert copied and all(
        path.startswith("build/container/") for line in copied for path in line.split()
    )


def test_a_builder_that_cannot_make_containers_is_told_with_what_builds_without_them():
    with pytest.raises(SystemExit, match=r"false could not build it; .*BUILDAH_ISOLATION=chroot"):
        script("container.py")["build"](shutil.which("false"), [])


class Rootless:
    """podman and others, run by a user without rights whose home is `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._environment = {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "TMPDIR": str(home / "tmp"),
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            # Neither overlays nor a runtime's own mounts work everywhere.
            "STORAGE_DRIVER": "vfs",
            "BUILDAH_ISOLATION": "chroot",
            "LC_ALL": "C.UTF-8",
        }
        for name in ("run", "tmp"):
            (home / name).mkdir(mode=0o700)
        user = f"builder:x:{USER}:{USER}::{home}:/bin/sh\n"
        (home / "passwd").write_text(Path("/etc/passwd").read_text() + user)
        (home / "group").write_text(Path("/etc/group").read_text() + f"builder:x:{USER}:\n")
        for name in ("subuid", "subgid"):
            (home / name).write_text("builder:200000:65536\n")
        for path in (home, *home.iterdir()):
            os.chown(path, USER, USER)
            path.chmod(path.stat().st_mode | 0o055)
        (home / "run").chmod(0o700)

    def run(self, *words: str | Path, status: int = 0) -> str:
        done = self.tried(*words)
        assert done.returncode == status, f"{words}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def tried(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        apart = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", ROOTLESS)
        return subprocess.run(
            [*apart, self.home, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=BUILDS,
        )


@pytest.fixture(scope="module")
def rootless() -> Iterator[Rootless]:
    if os.geteuid() != 0:
        missing("only root can make the user who builds it")
    for name, package in (("podman", "podman"), ("newuidmap", "uidmap"), ("mmdebstrap",) * 2):
        program(name, package)
    # Not in pytest's folder, which only root may enter.
    home = Path(tempfile.mkdtemp(prefix="logsrv-rootless-"))
    user = Rootless(home)
    yield user
    user.tried("podman", "rm", "--all", "--force")
    # The process that keeps podman's namespace ends with it.
    user.tried("podman", "system", "migrate")
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def image(rootless: Rootless) -> str:
    """`make container` on a base of packaging/base.sh, saved, removed and loaded: all without root.

    By a user with umask 077.
    """
    home = rootless.home / "context"
    home.mkdir()
    git = ("git", "clone", "--quiet", ROOT, home / "checkout")
    subprocess.run(git, check=True, timeout=PATIENCE, umask=0o077)
    # Both trust the same authorities as this machine.
    trusted = ssl.get_default_verify_paths().cafile
    options: list[str] = []
    if trusted:
        shutil.copy(trusted, home / "trusted.crt")
        (home / "pip.conf").write_text("[global]\ncert = /etc/trusted.crt\n")
        options = [f"--volume={home}/trusted.crt:/etc/trusted.crt:ro"]
        options += [f"--volume={home}/pip.conf:/etc/pip.conf:ro"]
    subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True, timeout=PATIENCE)
    place = home / "checkout"
    rootless.run("sh", place / "packaging/base.sh", home / "base.tar")
    rootless.run("podman", "import", "--quiet", home / "base.tar", "base")
    python = ("env", f"PIP_CERT={home}/trusted.crt") if trusted else ("env",)
    made = rootless.run(
        *("sh", "-c", 'umask 077; exec "$@"', "sh"),
        *(*python, "/usr/bin/python3", place / "packaging/container.py"),
        *("--base", "localhost/base", "--layers=false", *options),
        *("--save", home / "logsrv.tar"),
    )
    assert re.search(r"container: logsrv:\S+ is built", made)
    rootless.run("podman", "rmi", "--all", "--force")
    rootless.run("podman", "load", "--quiet", "--input", home / "logsrv.tar")
    return "logsrv"


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.minutes(30)
def test_it_runs_on_a_read_only_root_and_stops_with_all_lines_on_the_disk(rootless, image):
    volume = ("--volume", "lines:/var/lib/logsrv")
    rootless.run("podman", "run", "--detach", "--name", "logsrv", *LOCKED, *volume, image)

    def is_healthy() -> bool:
        return rootless.tried("podman", "healthcheck", "run", "logsrv").returncode == 0

    wait_until(is_healthy, "the container to be healthy", 2 * PATIENCE)
    inside = ("podman", "exec", "logsrv")
    assert rootless.run(*inside, "id", "-u") == "10001\n"
    assert rootless.run(*inside, "find", "/opt/logsrv", "!", "-readable") == ""
    assert "Read-only file system" in rootless.tried(*inside, "touch", "/opt/x").stderr
    rootless.run(*inside, "python", "-c", SEND)
    # In a minute, or podman kills it, and its status is 137.
    rootless.run("podman", "stop", "--time", "60", "logsrv")
    state = rootless.run("podman", "inspect", "--format", "{{.State.ExitCode}}", "logsrv")
    assert state.strip() == "0", rootless.run("podman", "logs", "logsrv")
    search = ("--entrypoint", "logsrv", image, "search", "--directory", "/var/lib/logsrv/lines")
    found = rootless.run("podman", "run", "--rm", *LOCKED, *volume, *search, "line")
    numbers = [int(number) for number in re.findall(r"a line ([0-9]+)\.", found)]
    assert numbers == list(range(20000))


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.minutes(30)
def test_it_says_what_it_holds(rootless, image):
    words = ("--entrypoint", "cat", image, "/opt/logsrv/sbom.cdx.json")
    listed = rootless.run("podman", "run", "--rm", *LOCKED, *words)
    assert '"bomFormat": "CycloneDX"' in listed
    for name in ("Twisted", "pyarrow", "logsrv"):
        assert re.search(rf'"name": "{name}"', listed, re.IGNORECASE)
