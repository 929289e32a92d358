from logsrv.linelog.http.searching.gathered import reply as reply
