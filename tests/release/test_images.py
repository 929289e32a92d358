"""Images as files: the same bytes for the same files, whenever they were built."""

import io
import json
import tarfile
from pathlib import Path
from typing import IO

import pytest

from tests.parts.scripts import script

IMAGES = script("images.py")
MOMENT = 1_790_000_000


def tree(folder: Path, name: str, files: dict[str, str], moment: int) -> Path:
    path = folder / name
    with tarfile.open(path, "w") as archive:
        for inner, text in files.items():
            member = tarfile.TarInfo(inner)
            member.size, member.mtime = len(text), moment
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def built(folder: Path, moment: int) -> Path:
    """Return the file of an image whose layer was made at `moment`."""
    folder.mkdir()
    layer = tree(
        folder, "layer.tar", {"etc/passwd": "root", "var/lib/dpkg/arch-native": "amd64"}, moment
    )
    IMAGES["write_image"](layer, "logsrv:1.0.0", folder / "plain.tar")
    note_steps(folder / "plain.tar", folder / "image.tar", f"{moment:012x}")
    IMAGES["settle"](folder / "image.tar", folder / "settled.tar", MOMENT)
    return folder / "settled.tar"


def note_steps(image: Path, out: Path, step: str) -> None:
    """Copy an image, with what podman notes: the identities of its steps, which tell of the time."""
    with tarfile.open(image) as old, tarfile.open(out, "w") as new:
        [manifest] = json.load(member(old, "manifest.json"))
        for each in old:
            data = member(old, each.name).read()
            if each.name == manifest["Config"]:
                config = json.loads(data)
                config["parent"] = f"sha256:{step}"
                comments = ("FROM localhost/logsrv-base:debian", f"FROM {step}")
                config["history"] = [{"created_by": "RUN", "comment": one} for one in comments]
                data = json.dumps(config).encode()
                each.size = len(data)
            new.addfile(each, io.BytesIO(data))


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    opened = archive.extractfile(name)
    assert opened is not None
    return opened


def test_the_time_of_a_build_is_not_in_its_file(tmp_path):
    one, another = built(tmp_path / "one", MOMENT + 10), built(tmp_path / "another", MOMENT + 999)
    assert one.read_bytes() == another.read_bytes()


def test_a_file_that_is_older_keeps_its_time(tmp_path):
    with tarfile.open(built(tmp_path / "old", MOMENT - 60)) as image:
        [manifest] = json.load(member(image, "manifest.json"))
        steps = json.load(member(image, manifest["Config"]))["history"]
        assert [one.get("comment") for one in steps] == ["FROM localhost/logsrv-base:debian", None]
        [layer] = manifest["Layers"]
        # `podman run … logsrv`, as the pages say, is of the second; only the first was in the file.
        assert manifest["RepoTags"] == ["logsrv:1.0.0", "logsrv:latest"]
        config = json.load(member(image, manifest["Config"]))
        assert config["rootfs"]["diff_ids"] == [f"sha256:{layer.removesuffix('.tar')}"]
        assert config["architecture"] == "amd64"
        with tarfile.open(fileobj=member(image, layer)) as files:
            assert files.getmember("etc/passwd").mtime == MOMENT - 60


def test_a_file_of_an_image_can_be_read(tmp_path):
    image = built(tmp_path / "image", MOMENT)
    assert IMAGES["read_file"](image, "etc/passwd") == b"root"
    with pytest.raises(KeyError):
        IMAGES["read_file"](image, "etc/shadow")
