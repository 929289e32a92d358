from _json import make_scanner as make_scanner
from bisect import bisect_right as bisect_right
from json import loads as loads
from re import fullmatch as fullmatch

from logsrv.kit.text.words import fault_text as fault_text
from logsrv.kit.text.words import shown as shown
