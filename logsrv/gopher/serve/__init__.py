"""`gopher serve DIRECTORY`, `twistd gopherd`: a small Gopher server, made with the kit.

hole        the directory that is served: the one way from a selector to a file, and menus
protocol    requests and answers
"""
