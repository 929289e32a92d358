"""The addresses of a user: bookmarks, and followed menus with their news.

entries          the entries of a menu or a text, with their dates (no I/O)
news             new entries, compared with the known ones (no I/O)
bookmarks        addresses in a file that people may edit
following        the followed menus and their known entries, in files; fetching them
"""
