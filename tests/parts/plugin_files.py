"""Files of plugins: an input, a protocol, and a command."""

from pathlib import Path

PLUGIN = """
from logsrv.kit import protocol_plugin
async def handle(connection): pass
made = protocol_plugin({name!r}, handle, description="does nothing", listen="udp:7009")
"""


INPUT = """
from zope.interface import implementer
from logsrv.inputs import IInput
@implementer(IInput)
class Records:
    '''Records of some kind.'''
    name = "records"
    def stream(self, intake): ...
    def datagrams(self, intake): ...
records = Records()
"""


COMMAND = """
from logsrv.cli.command import Command

stars = Command("stars", "count the stars of a store", "stars_package.command")
other = Command("search", "take a name of ours", "stars_package.command")
"""
WORK = '''"""Print stars.

Example:

  logsrv stars 3
"""
from logsrv.errors import UsageError

def declare(parser):
    parser.add_argument("number", metavar="NUMBER", type=int, help="how many")

def run(arguments):
    if arguments.number > 9:
        raise UsageError("there are no more than 9 stars")
    print("*" * arguments.number)
    return arguments.number
'''


def write_command(site: Path) -> Path:
    """Write the command `stars` into a folder for Python's path, and return that."""
    for name, text in (
        ("twisted/plugins/stars.py", COMMAND),
        ("stars_package/__init__.py", ""),
        ("stars_package/command.py", WORK),
    ):
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return site
