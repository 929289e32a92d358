"""Alerts: a process of its own reports lines that match a query, to a command or a webhook.

alert_part          how the service starts, changes and ends them; their options are in `alert_settings`
alert_command       `logsrv alert`, which tries and silences them
alerts              the daemon's side: the tasks, and what becomes of the process's reports
alert_protocol      tasks and reports, as they go between the two
alert_child         the process: it runs a watch for each task
shared_scan         reads and searches the store once for all watches at the same position
watch, tally        an alert for lines: what matched, and when a message is due
grammar             the text of an alert: its lines, and perhaps a `condition`
condition_watch     an alert with a condition: `windows` looks at its figures over time, of what
                    `condition_counter` counts and `group_window` keeps; `episodes` says what to report
alert_places        what is saved: places, states of conditions
states              what readers see: how each alert stands, silences
page                the endpoints of the page, the alerts that are made there
message             the text and the JSON of a message
delivery            sends it, by `command` (run by `subreaper`) or `webhook`
"""

from logsrv.linelog.parts.part import Part

part = Part(
    "alerts",
    "messages about lines that match",
    options="logsrv.linelog.alerts.alert_settings:AlertOptions",
    work="logsrv.linelog.alerts.alert_part:AlertPart",
    rank=10,
    erasing="logsrv.linelog.alerts.states.erased_groups:AlertGroups",
)
