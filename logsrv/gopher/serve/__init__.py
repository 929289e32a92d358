"""`gopher serve DIRECTORY`, `twistd gopherd`: a small Gopher server, made with the kit.

protocol       requests and answers
gopherhole     a directory as menus and files
fileurl        addresses of local files
typed_address  the address or path that a user types
"""
