"""The web server as a part of the service: what is checked, and what is loaded when."""

import subprocess
import sys

import pytest

from logsrv.kit.service.findings import FindingLevel
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.logger_services import findings


def test_searches_can_be_saved_where_the_user_may_write(tmp_path):
    (tmp_path / "file").touch()
    for place, level in ((".", FindingLevel.OK), ("file", FindingLevel.ERROR)):
        found = findings(tmp_path, f'saved = "{place}/saved.json"')
        assert [one.level for one in found] == [level]


LOADED = """
import sys
from twisted.internet import reactor
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.linelog.plugin.service import LoggerService, Options
options = Options()
options.parseOptions(sys.argv[1:])
made = LoggerService(options.settings, load=options.reload, reactor=reactor)
for wanted in made.wanted_sites(made.settings):
    made.make_server(wanted, MetricsPart(made.metrics))
print("logsrv.linelog.http.server" in sys.modules, "jinja2" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--http", "tcp:0:interface=127.0.0.1")])
def test_the_page_is_loaded_only_if_somebody_may_ask_for_it(words):
    """It takes a tenth of the time of a start."""
    command = [sys.executable, "-c", LOADED, "--listen", "tcp:0", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == f"{bool(words)} {bool(words)}\n"
