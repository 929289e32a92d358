"""The web interface of the line logger. From the network inwards, behind `kit.web`:

settings            the options, and where a token is needed
server              which answer a request gets, and what becomes of errors
access, attempts    who is answered: Host, Origin, token, and how often one may guess it
endpoints, openapi  the table of paths and parameters: requests are checked and documented by it
responses           headers that all answers have, and how many there were
problems            answers that are a status and a sentence
totals              how much is in the store, counted once
searching           a process for each search, and its answer on its way to a client
viewing             live views: a process for all of them, a stream of events to each
page                the page for people, its files
"""
