"""Encoders: stored lines in the formats of other protocols (sans-IO)."""
