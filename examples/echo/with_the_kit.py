"""Echo lines: the kit. Usage: logsrv run with_the_kit.py [OPTION…]"""

from logsrv.kit import LineProtocol


class Echo(LineProtocol):
    ending = "\n"

    def line_received(self, line):
        self.send_line(line)
