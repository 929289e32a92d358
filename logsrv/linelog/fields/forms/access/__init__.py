"""The form access."""
