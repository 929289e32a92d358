"""The settings of the service, for commands that need them: `logsrv alert`, `logsrv open`."""

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


def service_settings(
    given: Mapping[str, list[str]], *, usual: bool = True, configuration: str = ""
) -> LoggerSettings:
    """Return the settings of a service with the options `given`, its variables and its configuration.

    usual: whether to read `configuration`, by default CONFIGURATION, if it exists and no other file is
    named. Raises ConfigurationError.
    """
    configuration = configuration or CONFIGURATION
    if usual and not names_configuration(given) and os.path.exists(configuration):
        given = {**given, "config": [configuration]}
    sources = SettingsSources(
        name="logsrv", directory=Path.cwd(), environment=os.environ, arguments=given
    )
    return load_settings(LoggerSettings, sources).settings
