"""Alerts: a command or a webhook is told of lines that match a query, by a process of its own."""
