"""A plugin of pytest: each failure is named at once, before the rest has run.

Pytest itself names them when all is over, after half an hour in CI.
"""

import pytest


class FailuresAtOnce:
    """Prints a line for each test, and each file that cannot be collected, as it fails."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._name(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._name(report)

    def _name(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        # A worker has no terminal; the process that started it gets its reports.
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            why = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
            first = "".join(why.splitlines(keepends=True)[:1]).rstrip()
            terminal.write(f"\nfailed: {report.nodeid}\n{first and f'  {first}'}\n", flush=True)
