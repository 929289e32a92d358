"""Commands, which keys and the mouse run: each class is a group, and its fields are the parts it needs.

window        the page, the prompt, sentences, questions, announcements, background work
visiting      the page on the screen, the link with the cursor, and the page that is loading
travelling    links, searches, addresses, numbers; back, forward, up, again
reading       finding in a page, where a link leads, character sets
keeping       downloads, sounds, bookmarks
programs      the user's own programs
following     followed menus and what is new in them
status_rows   progress, and the keys that work now

load, downloads, followed     pages, files and news while they are fetched
session                       history, cache, bookmarks and the rest of a run's state
view, prompt, dialogs, bars   the widgets
palette, readable_texts       colours; times and addresses as people read them
"""
