from logsrv.cli.running.found import BrokenFile as BrokenFile
from logsrv.cli.running.found import load as load
from logsrv.cli.running.found import plugin_in as plugin_in
from logsrv.cli.running.held import install_holding as install_holding
from logsrv.cli.running.serving import Chatter as Chatter
from logsrv.cli.running.serving import Serving as Serving
from logsrv.cli.running.supervisor import Supervisor as Supervisor
from logsrv.kit.service.process.log import log_to as log_to
