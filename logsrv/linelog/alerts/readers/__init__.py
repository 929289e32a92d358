"""The work of readers with alerts, by the page and by `logsrv alert`: they see, silence, save and try them.

silences        alerts and groups that send no messages for a while
saved_alerts    alerts that are made on the page, in the file of `--alert-saved`
reported_state  how the alert process reports the state of an alert
alert_states    how each alert stands, by the reports of the alert process
page_api        the endpoints of the page
would_fire      when the text of an alert would have fired, in a searching process
"""
