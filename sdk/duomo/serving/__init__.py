"""Models behind HTTP: every task with its own types, batches shared among callers, nothing lost to one bad item."""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.serving.app import app as app
    from duomo.serving.wire import WireLimits as WireLimits

face(__name__, {"duomo.serving.app": "app", "duomo.serving.wire": "WireLimits"})
