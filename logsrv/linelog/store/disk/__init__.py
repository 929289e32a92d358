"""The directory: the system calls that fail when a disk does, the lock, and troubles that last."""
