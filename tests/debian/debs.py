"""The package as `make deb` builds it, and the same as another version."""

import os
import re
import subprocess
from pathlib import Path

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
