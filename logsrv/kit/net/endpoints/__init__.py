"""Endpoint strings: what they may hold, and what is wrong with one."""
