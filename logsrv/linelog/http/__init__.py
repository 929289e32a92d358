"""The web interface of the line logger. `kit.web` receives the requests; then come, in this order:

http_settings       the options, and the rule for when a token is needed
server              passes each request to the module that answers it, and turns errors into answers
access              checks of Host, Origin and token, and a limit on guessing the token
endpoints           the table of paths and parameters, by which requests are checked and documented
responses           sends answers with the headers that all have, and counts them by status
problems            answers that consist of a status and a sentence
statistics          the totals of the store, counted by a process (counting) for all clients
saved               searches that readers save for each other, in a file
searching           a process for each search, and the sending of its answer to the client
viewing             live views: one process for all of them, and a stream of events for each
page                the files of the page for people
"""
