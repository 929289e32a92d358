"""The web interface of the line logger. From the network inwards, behind `kit.web`:

http_settings       the options, and where a token is needed
server              sends each request to what answers it, and makes answers of errors
access              checks of Host, Origin and token, and a limit on guessing it
endpoints           the table of paths and parameters: requests are checked and documented by it
responses           answers with the headers that all have, counted by status
problems            answers that are a status and a sentence
statistics          how much is in the store, counted once, by a process (counting)
searching           a process for each search, and its answer on its way to a client
viewing             live views: a process for all of them, a stream of events to each
nodes               the other end: several daemons asked as one
page                the page for people, its files
"""
