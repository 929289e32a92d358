"""Fetching answers: connections, trust, time-outs, limits, and files that are complete or not written."""
