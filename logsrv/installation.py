"""The place that this logsrv was installed from, and the command that adds what is missing.

The name `logsrv` on a package index may be a stranger's. So a message names the place that pip installed
from, as pip noted it; or the package of Debian; or the argument with which the image is built. Every
message that misses an extra or a part asks `how_to_install`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import logsrv
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    import json
    import shlex
    from importlib import metadata
    from urllib import parse
else:
    # Each command loads this module, and hardly one prints such a message.
    json = later_module("json")
    shlex = later_module("shlex")
    metadata = later_module("importlib.metadata")
    parse = later_module("urllib.parse")

MARK = "installed-from"
"""A file in an environment that pip alone did not make: `debian`, or `image` and its extras."""
_PACKAGES_OF_DEBIAN = {"sql": "logsrv-sql"}


class Installation(NamedTuple):
    """An environment with logsrv in it.

    prefix: its folder. mark: the text of MARK; "" if there is none. name, version: of the distribution,
    `logsrv` or, if that is missing, `logsrv-kit`; "" if there is neither. origin: what pip noted of the
    place that it installed from (direct_url.json); empty for an index. by_uv: whether uv installed it.
    requirements: those of the distribution. checkout: the folder of a checkout that logsrv is imported
    from; "" if it is none.
    """

    prefix: str
    mark: str = ""
    name: str = ""
    version: str = ""
    origin: dict[str, Any] = {}
    by_uv: bool = False
    requirements: Sequence[str] = ()
    checkout: str = ""

    def adding(self, *extras: str) -> str:
        """Return the command that adds extras, such as `columns`."""
        if self.mark.startswith("image"):
            there = [word for word in self.mark.partition(" ")[2].split(",") if word]
            wanted = ",".join([*there, *(each for each in extras if each not in there)])
            return f"make container ARGS='--extras {wanted}'"
        if self.mark == "debian":
            packages = [_PACKAGES_OF_DEBIAN[each] for each in extras if each in _PACKAGES_OF_DEBIAN]
            if packages:
                return f"apt install ./{packages[0]}_*.deb (it is beside the package logsrv)"
            # An index is not asked for logsrv: dpkg owns it.
            return self.installing(*self._libraries(extras))
        place = self._place(f"[{','.join(extras)}]")
        if not place:
            return self.installing(*self._libraries(extras))
        editable = self.origin.get("dir_info", {}).get("editable")
        return self.installing(*(["--editable"] if editable else []), place)

    def adding_line_logger(self) -> str:
        """Return the command that adds the line logger to the kit."""
        if self.name == "logsrv-kit":
            wheel = f"logsrv-{self.version}-py3-none-any.whl"
            folder = os.path.dirname(path_in(self.origin))
            return self.installing(
                os.path.join(folder, wheel) if self.origin else f"logsrv=={self.version}"
            )
        # Somebody has deleted its folder.
        place = self._place("")
        return self.installing("--force-reinstall", "--no-deps", place or f"logsrv=={self.version}")

    def pip(self) -> str:
        """Return the words that install into this environment."""
        own = os.path.join(self.prefix, "bin", "pip")
        if os.path.exists(own):
            return f"{shlex.quote(own)} install"
        python = shlex.quote(os.path.join(self.prefix, "bin", "python"))
        return f"uv pip install --python {python}" if self.by_uv else f"{python} -m pip install"

    def installing(self, *words: str) -> str:
        """Return the command that installs what these words name."""
        return " ".join([self.pip(), *map(shlex.quote, words)])

    def _place(self, extras: str) -> str:
        """Return pip's word for the place that logsrv was installed from; "" if it is gone or not noted."""
        checkout = f"{self.checkout}{extras}" if self.checkout else ""
        if not self.name:
            return checkout
        if not self.origin:
            # A checkout on Python's path has a distribution that was never installed. Otherwise pip found a
            # file in an index, or in a folder of `--find-links`, which it does not note.
            return checkout
        return requirement_in(self.origin, self.name, extras)

    def _libraries(self, extras: Sequence[str]) -> list[str]:
        """Return what the extras ask for."""
        found = []
        for each in self.requirements:
            wanted, _, condition = each.partition(";")
            asked = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", condition)
            if asked and asked[1] in extras:
                found.append(wanted.strip().replace(" ", ""))
        return found or [f"the libraries of {','.join(extras)}"]


def direct_url(distribution: Any) -> dict[str, Any]:
    """Return pip's record of a distribution's origin (PEP 610); empty if that was a package index."""
    record: dict[str, Any] = json.loads(distribution.read_text("direct_url.json") or "{}")
    return record


def checkout_folder() -> str:
    """Return the folder of the checkout that logsrv is imported from; "" if it is installed."""
    top = os.path.dirname(os.path.dirname(os.path.realpath(logsrv.__file__)))
    files = ("setup.cfg", "pyproject.toml")
    return top if all(os.path.isfile(os.path.join(top, one)) for one in files) else ""


def this_installation() -> Installation:
    """Return the installation of the running program."""
    mark, checkout = "", checkout_folder()
    try:
        with open(os.path.join(sys.prefix, MARK), encoding="utf-8") as file:
            mark = file.read().strip()
    except OSError:
        pass
    for name in ("logsrv", "logsrv-kit"):
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        return Installation(
            prefix=sys.prefix,
            mark=mark,
            name=name,
            version=found.version,
            origin=direct_url(found),
            by_uv=(found.read_text("INSTALLER") or "").strip() == "uv",
            requirements=found.requires or (),
            checkout=checkout,
        )
    return Installation(prefix=sys.prefix, mark=mark, checkout=checkout)


def how_to_install(*extras: str) -> str:
    """Return the command that adds extras to this installation: `/opt/logsrv/bin/pip install '…[nats]'`."""
    return this_installation().adding(*extras)


def how_to_install_line_logger() -> str:
    """Return the command that adds the line logger to this installation of the kit."""
    return this_installation().adding_line_logger()


def requirement_in(origin: dict[str, Any], name: str, extras: str = "") -> str:
    """Return pip's word for the place in a record of `direct_url`; "" if the file is gone.

    name, extras: of the distribution, such as `logsrv` and `[nats]`.
    """
    if path := path_in(origin):
        return f"{path}{extras}" if os.path.exists(path) else ""
    url, vcs = origin["url"], origin.get("vcs_info")
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"{name}{extras} @ {url}"


def path_in(origin: dict[str, Any]) -> str:
    """Return the path in a record of `direct_url`; "" if the place is not on this machine."""
    parts = parse.urlsplit(origin.get("url", ""))
    return parse.unquote(parts.path) if parts.scheme == "file" else ""
