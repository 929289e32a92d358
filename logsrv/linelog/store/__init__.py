"""The store: lines appended to segments on disk, synced, sealed, removed and recovered."""
