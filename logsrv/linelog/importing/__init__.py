"""The import of existing files into a store that no server has open, in the order of their lines' times.

files.py finds and reads them, merge.py puts their lines in order, writer.py writes them, and the file
`imported` of the store (store/care/imported.py) keeps how far that has come: an import that is started
again goes on where it was interrupted.
"""
