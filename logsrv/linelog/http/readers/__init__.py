"""Readers: who asks the web server, which lines they see, and what they may change.

reader              `Reader`, a name with its rights and its lines, made of a table `[[reader]]`
reader_settings     the options of a table
token_file          a token, or its hash as `logsrv token` prints it; the cookie of a log-in
audit               a line of the log for each request
refusal_limit       how many lines about requests without a right token there may be
"""
