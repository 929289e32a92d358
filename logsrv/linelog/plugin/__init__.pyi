from twisted.internet import reactor as reactor

from logsrv.kit.web.channel import WebFactory as WebFactory
from logsrv.linelog.http.server import WebServer as WebServer
