"""`gopher serve DIRECTORY`, `twistd gopherd`: a small Gopher server, made with the kit.

protocol    requests and answers
hole        a directory as menus and files
fileurl     files of this machine as addresses
typed       which type of item a file is
"""
