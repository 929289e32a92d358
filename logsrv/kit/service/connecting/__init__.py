"""Connections that a plugin makes to others: links, which reconnect, and dials, which do not."""
