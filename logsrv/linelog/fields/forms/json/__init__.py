"""The form json."""
