"""The web server as a part of the service: what is checked, and what is loaded when."""

import subprocess
import sys

import pytest

from logsrv.kit.options.files import given_files
from logsrv.kit.service.file_checks import check_files
from logsrv.kit.service.findings import FindingLevel, current_user
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.logger_services import findings, settings


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("saved.json", "is not there yet; user NAME can make it"),
        ("missing/saved.json", "cannot be made: there is no directory PLACE/missing (--saved)"),
        ("there/saved.json", "can be read and written by user NAME"),
        ("there", "is a directory, not a file (--saved)"),
    ],
)
def test_searches_can_be_saved_where_the_user_may_write(tmp_path, file, sentence):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "saved.json").touch()
    user = current_user()
    [found] = check_files(given_files(settings("--saved", str(tmp_path / file))), user)
    said = found.sentence.replace(str(tmp_path), "PLACE").replace(user.name, "NAME")
    assert said == sentence


def test_searches_are_saved_by_a_new_file_in_the_place_of_the_old(tmp_path):
    (tmp_path / "saved.json").touch()
    [found] = findings(tmp_path, 'saved = "saved.json"')
    assert (found.subject, found.level) == (str(tmp_path), FindingLevel.OK)


def test_a_right_to_save_where_nothing_is_saved_is_a_warning(tmp_path):
    (tmp_path / "token").write_text("a-token\n")
    (tmp_path / "token").chmod(0o600)
    reader = '[[reader]]\nname = "ann"\ntoken-file = "token"\nmay = ["read", "save"]\n'
    found = findings(tmp_path, f'http = ["tcp:0:interface=127.0.0.1"]\n{reader}')
    [warned] = [one for one in found if one.level is FindingLevel.WARNING]
    assert warned.subject == "reader ann" and "--saved" in warned.sentence
    saved = f'saved = "saved.json"\nhttp = ["tcp:0:interface=127.0.0.1"]\n{reader}'
    assert not [one for one in findings(tmp_path, saved) if one.level is FindingLevel.WARNING]


@pytest.mark.parametrize(
    ("http", "clear"),
    [
        ("tcp:18081", True),
        ("tcp6:18081", True),
        ("tcp:18081:interface=127.0.0.1", False),
        ("unix:web.sock", False),
        ("ssl:18081:privateKey=pem:certKey=pem", False),
        # The proxy may have TLS.
        ("haproxy:tcp:18081", False),
    ],
)
def test_a_page_that_other_machines_reach_without_tls_is_a_warning(tmp_path, http, clear):
    """The token and all lines could be read on the way, and the check said nothing."""
    (tmp_path / "token").write_text("a-token\n")
    (tmp_path / "token").chmod(0o600)
    certificate_file(tmp_path / "pem")
    found = findings(tmp_path, f'http = "{http}"\nhttp-token-file = "token"\n')
    warned = [one for one in found if one.level is FindingLevel.WARNING]
    assert [one.subject for one in warned] == ([http] if clear else [])
    if clear:
        assert "in the clear" in warned[0].sentence and "ssl:" in warned[0].advice


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
