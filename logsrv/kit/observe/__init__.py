"""Counting and logging: metrics, failures of plugins, comings and goings, a blocked reactor."""
