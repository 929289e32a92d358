"""Images of containers as files (docker-archive): one of a tree, and one without the times of its build."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, Any

_EVER = "1970-01-01T00:00:00Z"
_STEP = re.compile("FROM [0-9a-f]{12,64}")


def write_image(tree: Path, name: str, file: Path) -> None:
    """Write the image `name` whose only layer is the tar file `tree`. The same tree gives the same bytes.

    The builders' own import notes the time of the import, so images upon it would differ.
    """
    with tree.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    config = {
        "architecture": _architecture(tree),
        "os": "linux",
        "created": _EVER,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": _EVER, "created_by": "packaging/base.sh"}],
    }
    with file.open("wb") as opened:
        _write(opened, config, [name], [(digest, tree)])


def settle(image: Path, out: Path, seconds: int) -> None:
    """Write an image again with no time after `seconds`: the same build gives the same bytes.

    Files that were changed during the build, and the notes of its steps, have the time of the build.
    """
    with tarfile.open(image) as archive, tempfile.TemporaryDirectory(dir=out.parent) as folder:
        [manifest] = json.loads(_opened(archive, "manifest.json").read())
        config = json.loads(_opened(archive, manifest["Config"]).read())
        layers = []
        for number, name in enumerate(manifest["Layers"]):
            layer = Path(folder, str(number))
            _settle_layer(_opened(archive, name), layer, seconds)
            with layer.open("rb") as opened:
                layers.append((hashlib.file_digest(opened, "sha256").hexdigest(), layer))
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
        for each in (config, *config.get("history", [])):
            if each.get("created", "") > moment:
                each["created"] = moment
        # docker's: names of the containers of the build. podman's: identities of its steps and so of times.
        for name in ("container", "container_config", "parent"):
            config.pop(name, None)
        for each in config.get("history", []):
            if _STEP.fullmatch(each.get("comment", "")):
                del each["comment"]
        config.get("config", {}).pop("Hostname", None)
        config["rootfs"]["diff_ids"] = [f"sha256:{digest}" for digest, _ in layers]
        # Not compressed: podman 4.3 does not load such a file.
        with out.open("wb") as file:
            _write(file, config, _with_latest(manifest["RepoTags"]), layers)


def _with_latest(tags: list[str]) -> list[str]:
    """Return the names of an image, and each without its version: `podman run logsrv` looks for that."""
    return [*tags, *(f"{tag.rpartition(':')[0]}:latest" for tag in tags)]


def _settle_layer(layer: IO[bytes], out: Path, seconds: int) -> None:
    with (
        tarfile.open(fileobj=layer) as old,
        tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            member.mtime = min(int(member.mtime), seconds)
            headers: Any = member.pax_headers
            for name in ("mtime", "atime", "ctime"):
                headers.pop(name, None)
            new.addfile(member, old.extractfile(member) if member.isreg() else None)


def _write(
    file: Any, config: dict[str, Any], names: list[str], layers: list[tuple[str, Path]]
) -> None:
    packed = json.dumps(config, sort_keys=True).encode()
    own = hashlib.sha256(packed).hexdigest()
    listed = [f"{digest}.tar" for digest, _ in layers]
    manifest = [{"Config": f"{own}.json", "RepoTags": names, "Layers": listed}]
    with tarfile.open(fileobj=file, mode="w") as archive:
        _add(archive, f"{own}.json", packed)
        for digest, path in dict(layers).items():
            archive.add(path, f"{digest}.tar", filter=_without_owner)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def read_file(image: Path, path: str) -> bytes:
    """Return a file of an image: that of the last layer which has it. Raises KeyError if none has."""
    with tarfile.open(image) as archive:
        [manifest] = json.loads(_opened(archive, "manifest.json").read())
        for layer in reversed(manifest["Layers"]):
            with tarfile.open(fileobj=_opened(archive, layer)) as files:
                try:
                    found = files.extractfile(path)
                except KeyError:
                    continue
                if found is not None:
                    return found.read()
    raise KeyError(path)


def _opened(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    # Layers that two images share may be links, which extractfile follows.
    opened = archive.extractfile(name)
    assert opened is not None
    return opened


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.pax_headers = 0o644, {}
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _architecture(tree: Path) -> str:
    """Return the architecture of a Debian in a tar file, in the spelling of images."""
    with tarfile.open(tree) as files:
        for member in files:
            if member.name.endswith("var/lib/dpkg/arch-native"):
                opened = files.extractfile(member)
                assert opened is not None
                return opened.read().decode().strip()
            if member.name.endswith("var/lib/dpkg/status"):
                opened = files.extractfile(member)
                assert opened is not None
                for line in opened:
                    if line.startswith(b"Architecture: ") and line.strip() != b"Architecture: all":
                        return line.decode().split()[1]
    raise SystemExit(f"container: {tree} is no tree of a Debian")
