r"""Messages in the words of programs: logins of OpenSSH's sshd, durations of PostgreSQL.

Specification: the sources of OpenSSH (`auth.c`, `packet.c`); PostgreSQL's `log_min_duration_statement`.
Behind a header of syslog the program has to be sshd; without one the words alone tell it.

    one.py    parse_program_message
    many.py   login_form, lines_beginning_like_sshd

`many.py` reads the three kinds of logins; all other messages are read by `one.py`.

Examples:

    Accepted publickey for ann from 203.0.113.9 port 48462 ssh2
        user: ann  client: 203.0.113.9  client_port: 48462
    Failed password for invalid user x from 1.2.3.4 port 5 from 203.0.113.9 port 48462 ssh2
        user: x from 1.2.3.4 port 5  client: 203.0.113.9  client_port: 48462
    Connection closed by authenticating user root 203.0.113.9 port 48462 [preauth]
        user: root  client: 203.0.113.9  client_port: 48462
    2026-11-20 06:18:42.123 UTC [1234] LOG:  duration: 12.345 ms  statement: SELECT 1
        duration: 12.345 ms  level: info
"""
