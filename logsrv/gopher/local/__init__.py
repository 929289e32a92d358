"""Files and directories of this machine as Gopher: what the server serves, and the browser shows.

fileurl     addresses of local items
typed       what a person types: a URL, a host, a path
hole        a directory: the one way from a selector to a file, its menus, and what is at an address
"""
