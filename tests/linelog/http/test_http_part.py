"""The web server as a part of the service: what is checked, and what is loaded when."""

from logsrv.kit.service.findings import FindingLevel
from tests.parts.logger_services import findings


def test_searches_can_be_saved_where_the_user_may_write(tmp_path):
    (tmp_path / "file").touch()
    for place, level in ((".", FindingLevel.OK), ("file", FindingLevel.ERROR)):
        found = findings(tmp_path, f'saved = "{place}/saved.json"')
        assert [one.level for one in found] == [level]
