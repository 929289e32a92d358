"""Patterns: what the messages of a search have in common, with placeholders for what differs."""
