"""The directory of a mirror: paths, files, menus as pages, and the journal of what is finished."""
