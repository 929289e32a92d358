"""Addresses that a user keeps: bookmarks, and menus to follow with what is new in them.

dates, entries   what in a menu or a text can be new, and its date (no I/O)
news             what is new, by what was known (no I/O)
bookmarks        addresses in a file that people may edit
following        the menus one follows, and what is known of each, in files
fetching         looking at them
"""
