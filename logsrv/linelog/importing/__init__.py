"""The import of existing files into a store that no server has open, in the order of their lines' times.

`logsrv import` is import_command.py. files.py finds and reads the files and puts their lines in order,
hostnames.py gives a hostname to lines that have none, writer.py writes them, and the file `imported` of
the store (store/notes) records the progress: an import that is started again continues where it was
interrupted.
"""
