"""Builds the packages of a Debian in a bare one of it, which mmdebstrap makes for that and removes."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

SUITES = {"12": "bookworm", "13": "trixie"}
# `make deb` asks for these.
_WANTED = "git,build-essential,debhelper,python3,python3-venv,ca-certificates"
_PASSED_ON = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "DEB_COMPRESSION",
)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def build(clone: Path, number: str, tag: str, out: Path) -> list[Path]:
    """Build the packages of the last commit of a clone for Debian 12 or 13; return them and their SBOMs.

    tag: the tag that they are built as, "" for a commit that is none. Raises subprocess.CalledProcessError,
    with all output as `output`.
    """
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder, "build")
        source = top / "logsrv"
        run("git", "clone", "--quiet", "--no-local", clone, source)
        if tag:
            run("git", "tag", "--force", tag, cwd=source)
        words = ["env", "-i", f"PATH={_PATH}", "HOME=/root", "LC_ALL=C.UTF-8"]
        words += [
            f"{name}={os.environ[name]}" for name in (*_PASSED_ON, *_PROXIES) if name in os.environ
        ]
        trusted = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
        if trusted:
            (top / "trusted.crt").write_bytes(Path(trusted).read_bytes())
            words.append("PIP_CERT=/build/trusted.crt")
        # A hook is a shell's command; mmdebstrap calls it with the root as $1.
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        made = f'chroot "$1" {quoted} sh /build/logsrv/packaging/deb.sh /build/out'
        # Files of another user are none of git's business there.
        packed = Path(folder, "build.tar")
        run(
            "tar", "-cf", packed, "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "build"
        )
        run(
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_WANTED}"),
            *("--dpkgopt=force-unsafe-io", f"--customize-hook=tar-in {packed} /"),
            *(f"--customize-hook={made}", f"--customize-hook=copy-out /build/out {folder}"),
            *(SUITES[number], "/dev/null"),
        )
        files = [path for path in Path(folder, "out").iterdir() if path.is_file()]
        return sorted(Path(shutil.copy(path, out)) for path in files)


def run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
