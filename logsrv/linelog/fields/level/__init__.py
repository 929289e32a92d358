"""The level."""
