"""Files of plugins: an input, and a protocol."""

PLUGIN = """
from logsrv.kit import protocol_plugin
async def handle(connection): pass
made = protocol_plugin({name!r}, handle, description="does nothing", listen="udp:7009")
"""


INPUT = """
from twisted.plugin import IPlugin
from zope.interface import implementer
from logsrv.linelog.inputs.intake.intake import IInput
@implementer(IInput, IPlugin)
class Records:
    '''Records of some kind.'''
    name = "records"
    def stream(self, intake): ...
    def datagrams(self, intake): ...
records = Records()
"""
