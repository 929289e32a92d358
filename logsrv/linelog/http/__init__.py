"""The web interface of the line logger. From the network inwards, behind `kit.web`:

settings            the options, and where a token is needed
server              which answer a request gets, and what becomes of errors
access, attempts    who is answered: Host, Origin, token, and how often one may guess it
endpoints, openapi  the table of paths and parameters: requests are checked and documented by it
problems            answers that are a status and a sentence
children, answer    searches in processes of their own, and their output on its way to a client
searching, replies  such a process from the inside, without Twisted
totals              how much is in the store, counted once
viewer              a live view, from the position of its client on
views, talk         the process of the live views, and what it is told and says
viewing, hub, live  that process from the inside: what is written just now, matched once for each query
spawn, limits       how such processes are started, and what they may take
events, outbox      Server-Sent Events, and those that wait for a client (no I/O)
page                the page for people, its files
"""
