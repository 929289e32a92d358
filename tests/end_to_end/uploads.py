"""A journal written by systemd, and its upload with a configuration file of the test."""

import os
import subprocess
from pathlib import Path

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import missing, program

# A private /etc/systemd: the path of the configuration file is fixed.
OWN_ETC = """
    mount -t tmpfs none /etc/systemd
    cp $1 /etc/systemd/journal-upload.conf
    shift
    exec "$@"
"""


def write_journal(directory: Path, texts: list[str]) -> None:
    """Write a journal file with an entry for each text into a new directory."""
    remote = program("systemd-journal-remote", "systemd-journal-remote")
    directory.mkdir()
    entries = directory.parent / "entries"
    with entries.open("wb") as file:
        for number, text in enumerate(texts):
            message = text.encode()
            file.write(
                f"__REALTIME_TIMESTAMP={1795132800000000 + number}\n"
                f"__MONOTONIC_TIMESTAMP={number + 1}\n_BOOT_ID=e0b5b2cf9a4f4d8e8f0c2f6f1f1e5a11\n"
                "_HOSTNAME=web1\nPRIORITY=4\nSYSLOG_IDENTIFIER=shop\nMESSAGE\n".encode()
            )
            file.write(len(message).to_bytes(8, "little") + message + b"\n\n")
    words = [remote, "-o", str(directory / "one.journal"), str(entries)]
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE)


def upload_journal(directory: Path, configuration: Path) -> None:
    """Send a whole journal as the service systemd-journal-upload does, but do not wait for more entries."""
    if os.getuid():
        missing("needs root, for an /etc of its own")
    unshare = program("unshare", "util-linux")
    upload = program("systemd-journal-upload", "systemd-journal-remote")
    state = directory.parent / "state"
    words = [upload, f"--directory={directory}", f"--save-state={state}", "--follow=no"]
    done = subprocess.run(
        [unshare, "-m", "sh", "-ec", OWN_ETC, "sh", str(configuration), *words],
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
