"""The web interface of the line logger. `kit.web` receives the requests; then come, in this order:

http_settings       the options, and the rule for when a token is needed
http_part           how the service starts, changes and ends it; without --http nothing else is imported
server              passes each request to the module that answers it, and turns errors into answers
access              checks of Host, Origin and token, and a limit on guessing the token
log_in_page         answers who is not known yet: the page that asks for the token, and its form
log_in              the codes of addresses that log in once, and the hint of the log-in page
open_command        `logsrv open`, which prints such an address
endpoints           the table of paths and parameters, by which requests are checked and documented
responses           sends answers with the headers that all have, and counts them by status
problems            answers that consist of a status and a sentence
saved               searches and boards that readers save for each other, in a file
board_variables     `$host` in the searches of a board
bodies              the body and the name in a request that changes something
part_endpoints      endpoints that other parts of the service offer
statistics          the totals of the store, counted for all clients
assets              the files of the page for people, from `static` and `templates`

Two kinds of work have processes of their own: live views (folder `views`), and searches. In the daemon is
what starts them; what runs in them imports no Twisted:

in the daemon       in the process
searching           search_child: one search; it calls a function of `replies` for each endpoint, of
                    which `counted_replies` has those that count, and `views/earlier_lines` that of a live
                    view; `search_request` makes a search of the parameters, whose types are in
                    `searching/search_order`; `progress_lines` tells how far it is
"""

from logsrv.linelog.parts.part import Part

part = Part(
    "http",
    "the live page and the API",
    options="logsrv.linelog.http.http_settings:HttpSettings",
    work="logsrv.linelog.http.http_part:HttpPart",
    rank=30,
)
