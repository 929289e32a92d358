from fcntl import flock as flock
