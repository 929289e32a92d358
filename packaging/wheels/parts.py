"""The two distributions of the tree, `logsrv-kit` and `logsrv`: which files and dependencies each has.

A wheel with everything is built first, by setuptools and setup.cfg, and its parts are taken out of it. The
checkout itself installs that one wheel. It then has a note that it brings `logsrv-kit`, so that pip does
not install the kit once more over it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, NamedTuple

WHOLE, KIT = "logsrv", "logsrv-kit"
TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "kit.toml").read_text())
_EVER = (1980, 1, 1, 0, 0, 0)


class Wheel(NamedTuple):
    """A wheel in memory. files: what it installs, by path; info: those of its .dist-info, by name."""

    files: dict[str, bytes]
    info: dict[str, bytes]
    modes: dict[str, int]
    time: tuple[int, int, int, int, int, int]

    @property
    def metadata(self) -> Message:
        return HeaderParser().parsestr(self.info["METADATA"].decode())

    @property
    def version(self) -> str:
        return str(self.metadata["Version"])


def is_of_kit(path: str) -> bool:
    """Return whether a file of the tree belongs to the kit's distribution."""
    return any(
        path == each or (each.endswith("/") and path.startswith(each)) for each in TABLE["files"]
    )


def read_wheel(path: Path) -> Wheel:
    files, info, modes, time = {}, {}, {}, _EVER
    with zipfile.ZipFile(path) as archive:
        for each in archive.infolist():
            if each.is_dir():
                continue
            folder, _, name = each.filename.partition("/")
            modes[each.filename] = each.external_attr
            time = max(time, each.date_time)
            if folder.endswith(".dist-info"):
                info[name] = archive.read(each)
            else:
                files[each.filename] = archive.read(each)
    return Wheel(files, info, modes, time)


def write_wheel(wheel: Wheel, out: Path) -> Path:
    """Write a wheel into a folder, under the name that its metadata give; the same bytes each time."""
    stem = f"{wheel.metadata['Name'].replace('-', '_')}-{wheel.version}"
    place = f"{stem}.dist-info"
    info = {name: data for name, data in wheel.info.items() if name != "RECORD"}
    packed = wheel.files | {f"{place}/{name}": data for name, data in sorted(info.items())}
    packed[f"{place}/RECORD"] = _record(packed, f"{place}/RECORD")
    path = out / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in packed.items():
            each = zipfile.ZipInfo(name, wheel.time)
            each.compress_type = zipfile.ZIP_DEFLATED
            each.external_attr = wheel.modes.get(name, 0o100644 << 16)
            archive.writestr(each, data)
    return path


def _record(files: dict[str, bytes], itself: str) -> bytes:
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        quoted = f'"{name}"' if "," in name else name
        lines.append(f"{quoted},sha256={digest},{len(data)}\n")
    return "".join([*lines, f"{itself},,\n"]).encode()


def split(whole: Wheel) -> tuple[Wheel, Wheel]:
    """Return the kit's wheel and that of the rest, which needs the kit of the same version."""
    files = {name: data for name, data in whole.files.items() if ".data/" not in name}
    of_kit = {name: data for name, data in files.items() if is_of_kit(name)}
    rest = {name: data for name, data in files.items() if name not in of_kit}
    kit = whole._replace(files=of_kit, info=_info(whole, kit_metadata(whole), of_kit=True))
    metadata = HeaderParser().parsestr(whole.info["METADATA"].decode())
    del metadata["Provides-Dist"]
    asked = metadata.get_all("Requires-Dist", [])
    del metadata["Requires-Dist"]
    for each in (f"{KIT} == {whole.version}", *asked):
        metadata["Requires-Dist"] = each
    return kit, whole._replace(files=rest, info=_info(whole, metadata, of_kit=False))


def kit_metadata(whole: Wheel) -> Message:
    """Return the metadata of the kit's distribution, made of those of the whole tree."""
    metadata = HeaderParser().parsestr(whole.info["METADATA"].decode())
    asked = metadata.get_all("Requires-Dist", [])
    for name in ("Requires-Dist", "Provides-Extra", "Provides-Dist", "Keywords"):
        del metadata[name]
    metadata.replace_header("Name", KIT)
    metadata.replace_header("Summary", TABLE["summary"])
    for extra in TABLE["extras"]:
        metadata["Provides-Extra"] = extra
    for each in asked:
        found = re.search(r'extra == "([^"]+)"', each)
        if (found[1] in TABLE["extras"]) if found else (name_of(each) in TABLE["requires"]):
            metadata["Requires-Dist"] = each
    metadata.set_payload(TABLE["description"])
    return metadata


def metadata_bytes(metadata: Message) -> bytes:
    """Return METADATA. The email package would write ASCII only."""
    headers = "".join(f"{name}: {value}\n" for name, value in metadata.items())
    return f"{headers}\n{metadata.get_payload()}".encode()


def name_of(requirement: str) -> str:
    """Return the name in a requirement, in one spelling: `zope.interface >= 8` gives `zope-interface`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~\[;]", requirement, maxsplit=1)[0]).lower()


def _info(whole: Wheel, metadata: Message, *, of_kit: bool) -> dict[str, bytes]:
    """Return the files of a .dist-info. An entry point goes where its command is."""
    lines = whole.info["entry_points.txt"].decode().splitlines(keepends=True)
    scripts = [
        line
        for line in lines
        if " = " not in line or (line.partition(" ")[0] in TABLE["commands"]) == of_kit
    ]
    return whole.info | {
        "METADATA": metadata_bytes(metadata),
        "entry_points.txt": "".join(scripts).encode(),
    }


def with_note(whole: Wheel) -> Wheel:
    """Return the wheel with everything, with the note that `logsrv-kit` is installed by it.

    The note is a .dist-info of the kit. It owns nothing but itself: pip and uv see that distribution, and
    uninstalling `logsrv` removes it.
    """
    metadata = HeaderParser().parsestr(whole.info["METADATA"].decode())
    metadata["Provides-Dist"] = f"{KIT} (=={whole.version})"
    place = f"logsrv_kit-{whole.version}.dist-info"
    note = {
        f"{place}/METADATA": metadata_bytes(kit_metadata(whole)),
        f"{place}/WHEEL": whole.info["WHEEL"],
        f"{place}/INSTALLER": b"logsrv\n",
    }
    note[f"{place}/RECORD"] = _record(note, f"{place}/RECORD")
    prefix = f"{WHOLE}-{whole.version}.data/purelib/"
    files = whole.files | {prefix + name: data for name, data in note.items()}
    return whole._replace(files=files, info=whole.info | {"METADATA": metadata_bytes(metadata)})


def is_in_kit_source(path: str) -> bool:
    """Return whether the kit's source distribution has a file of the tree."""
    return is_of_kit(path) or path.startswith(tuple(TABLE["source"]))
