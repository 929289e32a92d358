"""The form events."""
