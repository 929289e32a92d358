"""Counting and logging: metrics, failures of plugins, connects and disconnects, a blocked reactor."""
