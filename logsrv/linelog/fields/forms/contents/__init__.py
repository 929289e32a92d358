"""The form contents."""
