"""The plugin host: which plugins are installed, which may load, and what each one registers."""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.plugins.discovery import PluginRecord as PluginRecord, State as State, discover as discover
    from duomo.plugins.host import PluginHost as PluginHost
    from duomo.plugins.selection import Selection as Selection

face(
    __name__,
    {
        "duomo.plugins.discovery": "PluginRecord State discover",
        "duomo.plugins.host": "PluginHost",
        "duomo.plugins.selection": "Selection",
    },
)
