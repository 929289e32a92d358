"""The service of the plugin with settings as an operator writes them, not started."""

from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.service import LoggerService, Options
from tests.parts.reactor import REACTOR


def settings(*words: str) -> LoggerSettings:
    options = Options()
    options.environment = {}
    options.parseOptions(words)
    return options.settings


def service(*words: str) -> LoggerService:
    return LoggerService(settings(*words), load=lambda: settings(*words), reactor=REACTOR)
