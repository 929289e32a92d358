from fcntl import flock as flock

from logsrv.kit.text.words import shown as shown
