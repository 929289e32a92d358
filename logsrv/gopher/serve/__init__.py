"""`gopher serve DIRECTORY`, `twistd gopherd`: a small Gopher server, made with the kit.

protocol    requests and answers
hole        a directory as menus and files
fileurl     addresses of local files
typed       the address or path that a user types
"""
