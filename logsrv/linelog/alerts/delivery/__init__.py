"""Delivery: the message of an alert on its way to a command or a webhook."""
