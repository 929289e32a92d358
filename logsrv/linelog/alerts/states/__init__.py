"""The states of alerts for readers: what fires, what became of messages, and what is silent.

reported_state  the state of a condition, as the alert process reports it
alert_states    the states of all alerts, in the daemon
counted_reports metrics and lines of the log, by the same reports
silences        alerts and groups that send no messages for a while; the process obeys them
"""
