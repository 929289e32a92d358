"""The commands that look after a store: backup, doctor, reindex, restore."""
