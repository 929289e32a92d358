"""The log-in without typing the token: `logsrv open` prints an address with a code that works once.

one_time_codes      codes: made of the token by the command, judged and remembered by the server
page_address        the address of the page in a browser, by the endpoint of --http
code_request        whether a person opened the address, or a program that only looks at it
token_hint          where the token is, for the log-in page of a client on this machine
"""
