"""Fields of many lines at once: each the same as that of its Record, at a small part of the cost."""
