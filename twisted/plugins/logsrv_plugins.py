"""The plugins that `twistd` finds. Names only: a module is imported when its plugin is chosen."""

from logsrv import __version__
from logsrv.kit import protocol_plugin
from logsrv.kit.service.twisted_parts import CheckedServiceMaker

logsrv = CheckedServiceMaker(
    "logsrv",
    "logsrv.linelog.plugin.service",
    "Write every line that anything sends over a socket to disk.",
    "logsrv",
)

gopher = CheckedServiceMaker(
    "gopher",
    "logsrv.gopher.service",
    "Print what a Gopher server has, or show all of Gopher to web browsers.",
    "gopher",
)

gopherd = protocol_plugin(
    "gopherd",
    "logsrv.gopher.serve.protocol:GopherServer",
    "logsrv.gopher.serve.protocol:ServeOptions",
    state="logsrv.gopher.serve.protocol:GopherdState",
    description="Serve a directory with Gopher: a mirror, or menus and texts of your own.",
    listen="tcp:7070:interface=127.0.0.1",
    version=__version__,
)
