"""Copies of a store while its server runs, and back: `logsrv backup`, and `logsrv restore` from a backup.

backup.py    which files are copied, in which order, and the note of the backup
copying.py   how one file is copied: linked, or copied and compared
backup_command.py
             `logsrv backup`; `logsrv restore` calls its `restore`
"""
