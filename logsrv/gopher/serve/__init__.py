"""`gopher serve DIRECTORY`, `twistd gopherd`: a small Gopher server, made with the kit.

protocol       requests and answers
gopherhole     a directory as menus and files; gophermaps, which authors write
"""
