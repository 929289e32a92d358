"""`gopher browse`: a full-screen terminal browser for Gopher, on Textual.

    first_screen,
    start             the first screen, while the rest loads
    content/          answers as lines that are safe to show, and how they become rows (no I/O)
    commands/         groups of commands, which keys run, and the parts they need: pages and files while
                      they load, the state of the session, the widgets
    app               the window: its widgets, and the command of each key

Importing this package imports none of them: Textual loads slowly, and may not be installed.
"""
