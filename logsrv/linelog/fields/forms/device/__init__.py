"""The form device."""
