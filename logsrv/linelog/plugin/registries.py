"""The kinds of plugins that the line logger finds, for the command line, which works without it, too."""

from __future__ import annotations

from typing import Any

from logsrv.kit.plugins import Plugins
from logsrv.linelog.formats.registry import INPUTS
from logsrv.linelog.intake.over_http.http_format import HTTP_FORMATS
from logsrv.linelog.parts.registry import PARTS
from logsrv.linelog.read.sources import SOURCES
from logsrv.linelog.ship.address import PLUGINS

REGISTRIES: dict[str, Plugins[Any]] = {
    "inputs": INPUTS,
    "formats": HTTP_FORMATS,
    "targets": PLUGINS,
    "parts": PARTS,
    "sources": SOURCES,
}
