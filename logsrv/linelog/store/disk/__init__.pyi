from fcntl import flock as flock

from logsrv.kit.text.escape import SHOWN_PATH_LENGTH as SHOWN_PATH_LENGTH
from logsrv.kit.text.escape import one_line as one_line
from logsrv.kit.text.words import fault_text as fault_text
from logsrv.kit.text.words import shown as shown
