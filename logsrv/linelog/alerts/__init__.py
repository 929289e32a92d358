"""Alerts: a process of its own reports lines that match a query, to a command or a webhook."""
