"""The form logfmt."""
