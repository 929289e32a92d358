"""`gopher browse`: a full-screen terminal browser for Gopher, on Textual.

    program           `gopher browse`: takes the terminal
    first_screen,
    start             the first screen, while the rest loads
    content/          answers as lines that are safe to show, and how they become rows (no I/O)
    commands/         what the keys do, in groups that know each other by what they need; what these stand
                      on: pages and files on their way, all that a run remembers, the widgets
    app               the window: its widgets, and which command each key is

Importing this package imports none of them: Textual takes its time, and may not be installed.
"""
