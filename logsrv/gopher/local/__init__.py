"""Files and directories of this machine as Gopher: what the server serves.

hole        a directory: the one way from a selector to a file, and its menus
"""
