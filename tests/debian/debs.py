"""The package as `make deb` builds it, and the same as another version."""

import os
import re
import shutil
import ssl
import subprocess
from contextlib import ExitStack
from pathlib import Path

from tests.debian.roots import Root, mounted

CHECKOUT = Path(__file__).parent.parent.parent


def build(folder: Path) -> subprocess.Popen[str]:
    """Begin to build the package into `folder`; uncompressed, as that takes most of the time otherwise."""
    return subprocess.Popen(
        ["sh", "packaging/deb.sh", str(folder)],
        cwd=CHECKOUT,
        env=os.environ | {"DEB_COMPRESSION": "-Znone"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# What `make deb` wants in a Debian, and git.
WANTED = ("git", "build-essential", "debhelper", "python3-venv")


def build_in(root: Root, folder: str) -> str:
    """Build the package of this checkout in `root`, which has WANTED; return what `make deb` prints.

    folder: where `root` gets it. Both have the checkout and its git at the same path. pip trusts the same
    authorities as this machine.
    """
    words = ("git", "rev-parse", "--path-format=absolute", "--git-common-dir")
    git = Path(subprocess.check_output(words, cwd=CHECKOUT, text=True).strip())
    trusted = ssl.get_default_verify_paths().cafile
    environment = ["DEB_COMPRESSION=-Znone"]
    if trusted:
        shutil.copy(trusted, root.path / "etc/trusted.crt")
        environment.append("PIP_CERT=/etc/trusted.crt")
    with ExitStack() as stack:
        for place in dict.fromkeys((CHECKOUT, git)):
            inside = root.path / place.relative_to("/")
            inside.mkdir(parents=True, exist_ok=True)
            stack.enter_context(mounted("--bind", place, inside))
        command = ["env", f"--chdir={CHECKOUT}", *environment, "sh", "packaging/deb.sh", folder]
        return root.run(*command)


def as_version(deb: Path, version: str, configuration: str) -> Path:
    """Return a package beside `deb` with the same files, this version and this /etc/logsrv.toml."""
    made = deb.with_name(f"logsrv_{version}_amd64.deb")
    tree = deb.parent / version
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    (tree / "etc/logsrv.toml").write_text(configuration)
    subprocess.run(["dpkg-deb", "-Znone", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-r", tree], check=True)
    return made
