"""The plugin of the kit that `twistd` finds: its example. Names only, as in logsrv_plugins.py."""

from logsrv import __version__
from logsrv.kit import protocol_plugin

greet = protocol_plugin(
    "greet",
    "logsrv.greet.protocol:Greet",
    "logsrv.greet.protocol:GreetOptions",
    datagrams="logsrv.greet.protocol:GreetDatagrams",
    state="logsrv.greet.protocol:GreetingState",
    description="Thank everyone for connecting.",
    listen="tcp:8088",
    version=__version__,
)
