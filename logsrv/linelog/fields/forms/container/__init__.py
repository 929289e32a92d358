"""The form container."""
