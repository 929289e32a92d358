"""`gopher browse`: a full-screen terminal browser for Gopher, on Textual.

What is shown, without Textual:

    page, page_fetch               links and pages, and fetching one page
    display_lines, pictures        pages and pictures as lines that are safe to show
    layout                         lines as the rows of a window
    guide                          every key with its command, the help, the start page
    palette                        colours

The widgets:

    app                            the window: its widgets, the command of each key, the rows below the page
    page_widget                    the page: moving the cursor and the window, finding
    lines_widget                   its base: laying out, searching and painting lines between keys
    bars                           the rows above and below the page, the prompt
    window                         the window as commands use it, and its dialogs

Commands, which keys and the mouse run; each class is a group, and its fields are the parts it needs:

    navigator                      the page on the screen, its link with the cursor, the visit being made
    navigation_commands            links, searches, addresses, numbers; back, forward, up, again
    page_commands                  finding, where a link leads, character sets; downloads, bookmarks
    following_commands             followed menus, and marks of their news

And what they change:

    session                        history, cache, bookmarks and the rest of a run's state
    downloads, followed_menus      files and news while they are fetched
    programs                       the user's own programs

Importing this package imports none of them: Textual loads slowly, and may not be installed.
"""
