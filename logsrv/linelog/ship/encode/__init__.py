"""Encoders: stored lines as the protocols of others have them (sans-IO)."""
