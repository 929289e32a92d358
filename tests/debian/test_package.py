"""What the package brings, on a bare Debian 12 without a running systemd."""

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.package, pytest.mark.minutes(10)]

SCRIPT = Path(__file__).parent / "service.sh"


def test_make_deb_says_what_it_does_and_how_to_install_what_it_made(made):
    lines = made.printed.splitlines()
    assert lines[0].startswith("make deb: building logsrv ")
    assert f"make deb: an older one is now {made.deb.parent}/before/logsrv_0.1.0_amd64.deb" in lines
    assert lines[-1] == f"    apt install {made.deb}"


def test_apt_says_nothing_that_an_operator_would_have_to_look_up(installed):
    assert "Setting up logsrv" in installed.printed
    assert "warning" not in installed.printed.lower().replace("debconf: delaying", "")
    assert "multi-user.target.wants/logsrv.service" in installed.printed


def test_without_sql_it_is_a_quarter_of_a_gigabyte_at_most(root):
    assert int(root.run("dpkg-query", "-W", "-f", "${Installed-Size}", "logsrv")) * 1024 <= 250e6


def test_owners_and_modes(root):
    paths = ["/etc/logsrv.toml", "/etc/logsrv", "/etc/logsrv/token", "/var/lib/logsrv"]
    assert root.run("stat", "-c", "%U:%G %a %n", *paths).splitlines() == [
        "root:logsrv 640 /etc/logsrv.toml",
        "root:logsrv 750 /etc/logsrv",
        "root:logsrv 640 /etc/logsrv/token",
        "logsrv:logsrv 750 /var/lib/logsrv",
    ]
    assert len(root.run("cat", "/etc/logsrv/token").strip()) == 32
    for name in ("/etc/logsrv", "/etc/logsrv/token"):
        assert "group:adm:r" in root.run("getfacl", "-c", name)
    others = ("!", "-user", "root", "-o", "-perm", "/022", "!", "-type", "l")
    assert root.run("find", "/opt/logsrv", *others) == ""


def test_the_units_are_valid_and_the_service_is_enabled(root):
    assert (
        root.run("systemd-analyze", "verify", "--man=no", "logsrv.service", "logsrv.socket") == ""
    )
    assert root.run("systemctl", "is-enabled", "logsrv.service").strip() == "enabled"
    assert root.run("systemctl", "is-enabled", "logsrv.socket", status=1).strip() == "disabled"


def test_nothing_names_the_place_where_it_was_built(root):
    """Scripts run, all modules are compiled for their place, and pip finds nothing amiss."""
    root.run("/opt/logsrv/bin/pip", "check")
    named = root.run("grep", "-rl", "debian/logsrv/opt", "/opt/logsrv", status=1)
    assert named == ""
    version = root.run("dpkg-query", "-W", "-f", "${Version}", "logsrv")
    said = version.partition("+deb")[0].replace("~~", ".").replace("~", "")
    assert root.run("logsrv", "--version") == f"logsrv {said}\n"
    before = root.files()
    root.run("/opt/logsrv/bin/twistd", "--help")
    root.run("/opt/logsrv/bin/logsrv", "plugins")
    assert root.files() == before


def test_the_same_versions_stay_when_pip_adds_to_them(root):
    versions = root.run("cat", "/opt/logsrv/wheels.txt").splitlines()
    pip = "/opt/logsrv/bin/pip"
    frozen = root.run(pip, "freeze", "--all").splitlines()
    assert versions == [line for line in frozen if not line.startswith("logsrv=")]
    assert "install.constraint='/opt/logsrv/wheels.txt'" in root.run(pip, "config", "list")


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings of a page, as forges and the site make them."""
    headings = re.findall(r"^#+ +(.*?) *$", page, re.MULTILINE)
    words = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in words}


def test_every_link_of_its_pages_leads_somewhere(root):
    """To pages and their headings, to pictures, configurations and examples."""
    folder = root.path / "usr/share/doc/logsrv"
    pages = {path.name: path.read_text() for path in folder.glob("*.md")}
    assert {"README.md", "install.md", "SECURITY.md", "changelog.md"} <= set(pages)
    dead = []
    for name, text in pages.items():
        for path, anchor in re.findall(r"\]\(([^):#\s]*)#?([^):\s]*)\)", text):
            there = (folder / path).is_file() or (folder / path).is_dir()
            if not there or (anchor and anchor not in anchors(pages[path or name])):
                dead.append((name, path, anchor))
    assert dead == []
    assert "(query.md)" in pages["README.md"] and "(pictures/" in pages["http.md"]


def test_lines_arrive_and_members_of_the_group_find_them(root):
    """The default configuration, started by hand with the rights that the unit gives."""
    printed = root.run("sh", "-c", SCRIPT.read_text(), network=False)
    reader, stranger = printed.partition("reader:\n")[2].split("stranger:\n")
    assert "a line to 1234" in reader
    assert "a line to 514" in reader
    assert "the page answers 200" in reader
    assert "Permission denied" in stranger.splitlines()[0]
    assert "the page answers 401" in stranger
    assert "status 1" in stranger or "status 2" in stranger
    assert "Traceback" not in printed


def test_columns_are_made_and_answer(root, made):
    """The extra that makes and reads them is in the package."""
    make = """seq 200000 | sed 's/.*/{"app":"shop","n":&,"msg":"sold &"}/' >/tmp/shop.log"""
    root.run("sh", "-c", make)
    root.run("logsrv", "import", "--directory", "/tmp/lines", "/tmp/shop.log")
    reindexed = root.run("logsrv", "reindex", "--directory", "/tmp/lines")
    assert "made its columns" in reindexed
    asked = ("--directory", "/tmp/lines", "--stats", "| count by app")
    answer = root.run("logsrv", "search", *asked)
    assert "shop  200000" in answer and "; by columns: " in answer
    # SQL is a package of its own.
    asked = ("sql", "--directory", "/tmp/lines", "SELECT count(*) FROM logs WHERE app = 'shop'")
    assert "logsrv-sql_" in root.run("logsrv", *asked, status=2)
    (sql,) = made.deb.parent.glob("logsrv-sql_*.deb")
    root.run("apt-get", "install", "--yes", "--quiet", f"/srv/{sql.name}")
    assert "200000" in root.run("logsrv", *asked)
    root.run("/opt/logsrv/bin/pip", "check")
