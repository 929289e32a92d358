"""Upgrades, also interrupted; a full disk; remove and purge."""

from pathlib import Path

import pytest

from tests.debian.conftest import NEWER
from tests.debian.roots import Root, mounted

pytestmark = [pytest.mark.long, pytest.mark.package, pytest.mark.minutes(10)]

STORE = "var/lib/logsrv/lines"
LINE = "2026-01-02T03:04:05.000000Z here a line from before\n"


@pytest.fixture
def lines(root: Root) -> Path:
    """The active segment of a store with a line."""
    (root.path / STORE).mkdir(exist_ok=True)
    active = root.path / STORE / "current.log"
    active.write_text(LINE)
    root.run("chown", "-R", "logsrv:logsrv", f"/{STORE}")
    return active


def install(root: Root, deb: Path, *options: str, status: int = 0) -> str:
    """What apt prints that installs `deb`, and keeps a configuration that was changed."""
    keep = ("-o", "DPkg::Options::=--force-confold")
    command = ("apt-get", "install", "--yes", "--quiet", *keep, *options)
    return root.run(*command, f"/srv/{deb.name}", status=status)


def version(root: Root) -> str:
    return root.run("dpkg-query", "-W", "-f", "${Version}", "logsrv")


@pytest.mark.nightly
def test_upgrades_that_are_killed_keep_lines_and_what_was_changed(root, made, newer, lines):
    """One between files, to a newer version; then one between steps of the way back."""
    configuration = root.path / "etc/logsrv.toml"
    changed = configuration.read_text() + "# ours\n"
    configuration.write_text(changed)
    configuration.chmod(0o600)
    ours = "--force-confold"

    root.kill_at("Unpacking logsrv", "dpkg", ours, "-i", f"/srv/{newer.name}")
    assert root.status() != "install ok installed"
    root.run("dpkg", ours, "--configure", "-a")
    install(root, newer)
    assert root.status() == "install ok installed"
    assert version(root) == NEWER
    assert configuration.read_text() == changed
    assert configuration.stat().st_mode & 0o777 == 0o600
    assert '"5GiB"' in (root.path / "etc/logsrv.toml.dpkg-dist").read_text()
    root.run("logsrv", "--version")

    root.kill_at("Setting up logsrv", "dpkg", ours, "-i", f"/srv/{made.deb.name}")
    root.run("dpkg", ours, "--configure", "-a")
    assert root.status() == "install ok installed"
    assert version(root) != NEWER
    assert root.run("dpkg", "--audit") == ""
    assert configuration.read_text() == changed
    assert lines.read_text() == LINE


@pytest.mark.nightly
def test_a_full_disk_at_an_install_is_told_and_mended_with_room(root, made, lines):
    root.run("dpkg", "--purge", "logsrv")
    (root.path / "opt").mkdir(exist_ok=True)
    with mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", root.path / "opt"):
        failed = install(root, made.deb, status=100)
        assert "No space left on device" in failed
        assert root.status() != "install ok installed"
        root.run("mount", "-o", "remount,size=512m", "/opt")
        install(root, made.deb, "--fix-broken")
        assert root.status() == "install ok installed"
        root.run("logsrv", "--version")
    assert lines.read_text() == LINE


def test_remove_keeps_and_purge_leaves_lines_only(root, lines):
    token = root.path / "etc/logsrv/token"
    token.write_text("secret\n")
    root.run("apt-get", "remove", "--yes", "logsrv")
    assert token.exists()
    assert not (root.path / "opt/logsrv").exists()
    assert (root.path / "etc/logsrv.toml").exists()
    assert lines.read_text() == LINE

    purged = root.run("apt-get", "purge", "--yes", "logsrv")
    assert (
        "logsrv: the lines are kept. To remove them and the user too: rm -r /var/lib/logsrv;"
        in purged
    )
    assert not token.exists()
    assert lines.read_text() == LINE


@pytest.mark.nightly
def test_a_package_that_comes_back_lets_its_user_read_tokens(root, made):
    """dpkg removes the directory that is empty, and brings it back as root's."""
    root.run("apt-get", "purge", "--yes", "logsrv")
    assert not (root.path / "etc/logsrv").exists()
    install(root, made.deb)
    assert root.run("stat", "-c", "%U:%G %a", "/etc/logsrv").strip() == "root:logsrv 750"


# What packages that logsrv depends on write when they are installed, and what dpkg and apt keep.
_OF_OTHERS = (
    "/etc/ca-certificates",
    "/etc/inputrc",
    "/etc/python3",
    "/etc/rc",
    "/etc/ssl/",
    "/run/",
    "/usr/lib/python3",
    "/usr/share/python3/",
    "/usr/local/lib/python3",
    "/usr/local/share/ca-certificates",
    "/var/cache/",
    "/var/lib/apt/",
    "/var/lib/dpkg/",
    "/var/lib/python",
    "/var/log/",
)


def test_after_a_purge_without_lines_all_is_as_before(root, made):
    """What pip has added goes too. User and group stay, so that nobody else gets their numbers."""
    (root.path / STORE).mkdir()
    for name in ("current.log", "lock"):
        (root.path / STORE / name).touch()
    (root.path / "opt/logsrv/lib/added.py").touch()
    (root.path / "etc/logsrv/token").write_text("secret\n")
    assert "kept" not in root.run("apt-get", "purge", "--yes", "logsrv")
    before = set(Root(made.bare, made.bare).files())
    # As dpkg knows them, and as they are: /lib is a link to /usr/lib.
    listed = "cat /var/lib/dpkg/info/*.list"
    packaged = root.run("sh", "-c", f"{listed}; {listed} | sed 's,^,/usr,'")
    left = root.files() - before - set(packaged.splitlines())
    assert sorted(path for path in left if not path.startswith(_OF_OTHERS)) == []
    # Debian's first installation makes it, and dpkg removes whatever it finds empty.
    assert before - root.files() <= {"/opt"}
    assert "logsrv:" in (root.path / "etc/passwd").read_text()
