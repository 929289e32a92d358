"""The forms of lines."""
