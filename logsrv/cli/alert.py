"""`logsrv alert`, which belongs to the alerts: its module is in their folder, and says the same."""

from logsrv.cli.command import Command

command = Command(
    "alert",
    "try the command or webhook of an alert",
    "logsrv.linelog.alerts.alert_command",
)
