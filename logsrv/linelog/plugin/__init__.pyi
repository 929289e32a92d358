from twisted.internet import reactor as reactor

from logsrv.kit.web.channel import WebFactory as WebFactory
from logsrv.linelog.http.nodes.declared import DeclaredNodes as DeclaredNodes
from logsrv.linelog.http.server import WebServer as WebServer
from logsrv.linelog.plugin.checks.logger import check_logger as check_logger
from logsrv.linelog.ship.running.process import Shipping as Shipping
from logsrv.linelog.ship.running.process import holds_of as holds_of
