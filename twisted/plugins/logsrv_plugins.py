"""The plugins that `twistd` finds. Names only: a module is imported when its plugin is chosen."""

from twisted.application.service import ServiceMaker

logsrv = ServiceMaker(
    "logsrv",
    "logsrv.linelog.service",
    "Write every line that anything sends over a socket to disk.",
    "logsrv",
)
