"""The disk: a directory that is held open, its lock, and its troubles."""
