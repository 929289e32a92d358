"""The target of an archive: `archive.py` has the plugins, `archive_target.py` the work."""
