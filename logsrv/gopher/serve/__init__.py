"""`gopher serve DIRECTORY`, `twistd gopherd`: a small Gopher server, made with the kit.

protocol    requests and answers; the directory that is served is in `local`
"""
