"""`make deb` where what it wants is not installed."""

import subprocess

from tests.debian.debs import CHECKOUT
from tests.parts.programs import program


def test_make_deb_names_the_packages_that_are_missing(tmp_path):
    def prints() -> str:
        command = [program("sh", "sh"), "packaging/deb.sh", str(tmp_path)]
        done = subprocess.run(
            command, cwd=CHECKOUT, env={"PATH": str(tmp_path)}, capture_output=True, text=True
        )
        assert done.returncode == 1
        return done.stderr

    (tmp_path / "dirname").symlink_to(program("dirname", "coreutils"))
    assert "make deb: builds on Debian only" in prints()
    for name in ("dpkg", "dpkg-buildpackage", "git"):
        (tmp_path / name).symlink_to("/bin/true")
    assert prints().startswith("make deb: packages are missing: apt install debhelper")
