"""The plugins of formats over HTTP, found in the folders of `linelog/formats`; light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, implementer

from logsrv.kit.plugins import Plugins, call_object
from logsrv.old_names import accepts_old_argument

if TYPE_CHECKING:
    from logsrv.linelog.intake.over_http.routes import Routes


class IHttpFormat(Interface):
    """A format of the `http` input."""

    name = Attribute("The name of the format.")

    def routes() -> Routes:
        """Return the routes of one listener."""


@accepts_old_argument("place", "reference")
@implementer(IHttpFormat, IPlugin)
@attrs.frozen
class HttpFormat:
    """The plugin of a format of the `http` input, whose module is imported with the first such listener.

    reference: the function that returns the Routes of one listener, `module:function`. about: who speaks
    it, a few words for `logsrv help inputs`.

        loki = HttpFormat("loki", "logsrv.linelog.formats.loki.input:routes", "pushes of Loki's clients")
    """

    name: str
    reference: str
    about: str = ""

    def routes(self) -> Routes:
        """Return the routes of one listener. Raises ConfigurationError for a broken module or function."""
        made: Routes = call_object(self.reference)
        return made


HTTP_FORMATS = Plugins[HttpFormat]("logsrv.linelog.formats", IHttpFormat.providedBy)
