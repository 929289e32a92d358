"""The command `gopher`: its command line, and showing and saving answers.

main                   finds the module of a command, runs it, and turns its errors into an exit status
arguments              options that several commands have
fetch                  `gopher URL`; show: menus, texts, JSON; save: files
browse, mirror, serve, news    the other commands
"""
