"""The service of the plugin with settings as an operator writes them, not started."""

from pathlib import Path

from logsrv.kit.service.findings import CheckRequest, Finding, current_user
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.service import LoggerService, Options
from tests.parts.reactor import REACTOR


def settings(*words: str) -> LoggerSettings:
    options = Options()
    options.environment = {}
    options.parseOptions(words)
    return options.settings


def findings(directory: Path, text: str, asked: CheckRequest | None = None) -> list[Finding]:
    """What is found about settings in TOML, but for the store."""
    file = directory / "logsrv.toml"
    file.write_text(text)
    # Not `logs` here, which is there, and somebody's, after a `make run`.
    made = settings("--config", str(file), "--directory", str(directory / "store"))
    asked = asked or CheckRequest(current_user())
    checked = LoggerService(made, load=lambda: made, reactor=REACTOR)
    with asked.user.acting():
        found = list(checked.findings(asked))
    return [one for one in found if one.subject != str(made.directory)]


def service(*words: str) -> LoggerService:
    return LoggerService(settings(*words), load=lambda: settings(*words), reactor=REACTOR)
