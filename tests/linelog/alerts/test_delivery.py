"""Messages by command and webhook."""

import sys

from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.delivery import make_deliver
from logsrv.linelog.alerts.tally import MatchCount
from tests.parts.hooks import hook
from tests.parts.listening import REACTOR, in_reactor


@in_reactor
async def test_a_message_goes_to_the_command_and_to_the_webhook(tmp_path):
    code = f"import os; open('{tmp_path}/out', 'w').write(os.environ['LOGSRV_ALERT_QUERY'])"
    with hook() as web:
        alert = AlertSettings(
            alert="oops",
            alert_command=(sys.executable, "-c", code),
            alert_webhook=f"http://127.0.0.1:{web.port}/",
        )
        deliver = make_deliver(REACTOR, test=True)
        for way in alert.ways:
            await deliver(way, alert, MatchCount())
    assert (tmp_path / "out").read_text() == "oops"
    [(_, _, body)] = web.posts
    assert body["test"] is True
