"""Commands, which keys and the mouse run: each class is a group of them, and its fields are what it needs.

window        the page, the prompt, sentences, questions, announcements, work beside all else
visiting      the page on the screen as lines, what in it is pointed at, and the page on its way there
travelling    links, searches, addresses, numbers; back, forward, up, again
reading       finding in a page, where a link leads, character sets
keeping       downloads, sounds, bookmarks
programs      the user's own programs
following     followed menus and what is new in them
status_rows   which keys work now, and what goes on

load, downloads, followed     pages, files and news on their way
session                       history, cache, and all else of a run
view, prompt, dialogs, bars   the widgets
palette, readable_texts       colours; times and addresses as people read them
"""
