"""The targets of `--ship` by the schemes of their URLs: ours, and those of other packages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from logsrv.kit.plugins import Plugins
from logsrv.kit.text.words import did_you_mean, error_text, listed
from logsrv.linelog.leaves import require_scheme
from logsrv.linelog.ship.targets.target_plugin import ShipURL, TargetPlugin

LONGEST = 4096
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a target. It has no dot: names with a dot are files beside the target's place."""
BEGINNING, END = "beginning", "end"
"""Words for the position at which a new target begins, which may also be given as such."""


class Targets(Plugins[TargetPlugin]):
    """All plugins of targets."""

    def with_scheme(self, scheme: str) -> TargetPlugin | None:
        """Return the plugin with a scheme. Others' are looked for only if none of ours has it."""
        ours = _by_scheme(self.ours())
        return ours[scheme] if scheme in ours else self.schemes().get(scheme)

    def schemes(self) -> dict[str, TargetPlugin]:
        """Return all plugins by their schemes."""
        return _by_scheme(self.all())


def _by_scheme(plugins: dict[str, TargetPlugin]) -> dict[str, TargetPlugin]:
    found: dict[str, TargetPlugin] = {}
    for plugin in plugins.values():
        for scheme in plugin.schemes:
            found.setdefault(scheme, plugin)
    return found


PLUGINS = Targets(
    "logsrv.linelog.formats",
    lambda found: isinstance(found, TargetPlugin),
    beside=("logsrv.linelog.archive.target_plugin", "logsrv.linelog.lake"),
)


class MissingPlugin(TargetPlugin):
    """The plugin of URLs whose own plugin cannot be imported: such targets are left out."""

    def parse(self, text: str, word: str) -> ShipURL:
        parts = urlsplit(text)
        return ShipURL(text, word.lower(), parts.hostname or "", parts.port or 0, "", plugin=self)


MISSING = MissingPlugin(name="", reference="", schemes={})


def parse_ship_url(text: str) -> ShipURL:
    """Return the address in a text. Raises ValueError, whose message says what is wrong."""
    # A URL has to percent-encode all other characters.
    if not re.fullmatch(rf"[!-~]{{1,{LONGEST}}}", text):
        raise ValueError("not a URL: only printable ASCII characters without spaces can be in one")
    word, found, _ = text.partition("://")
    if not found:
        raise ValueError("not a URL: it has no ://")
    plugin = PLUGINS.with_scheme(word.lower())
    if plugin is not None:
        try:
            return plugin.parse(text, word)
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"its plugin {plugin.name} fails: {error_text(error)}") from None
    require_scheme(word.lower())
    if PLUGINS.broken():
        # The scheme may be that of a broken plugin.
        return MISSING.parse(text, word)
    known = sorted(PLUGINS.schemes())
    hint = did_you_mean(word.lower(), known)
    raise ValueError(f"unknown scheme{hint}; known are {listed(known)}")
