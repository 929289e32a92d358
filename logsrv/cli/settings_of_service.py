"""The settings of the service of this machine, for commands that need them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from logsrv.cli.arguments import CONFIGURATION
from logsrv.kit.options.load import SettingsSources, load_settings
from logsrv.linelog.plugin.logger_settings import LoggerSettings


def names_configuration(given: Mapping[str, list[str]]) -> bool:
    """Return whether `given` options of the service, or its variable, name a configuration."""
    return "config" in given or bool(os.environ.get("LOGSRV_CONFIG"))


def settings(given: Mapping[str, list[str]], *, usual: bool = True) -> LoggerSettings:
    """Return the settings of a service with the options `given`, its variables and its configuration.

    usual: whether to read CONFIGURATION if it exists and no other file is named. Raises ConfigurationError.
    """
    if usual and not names_configuration(given) and os.path.exists(CONFIGURATION):
        given = {**given, "config": [CONFIGURATION]}
    sources = SettingsSources(
        name="logsrv", directory=Path.cwd(), environment=os.environ, arguments=given
    )
    return load_settings(LoggerSettings, sources).settings
