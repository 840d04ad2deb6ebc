"""A server of duomo, used like a model that is loaded here."""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.client.client import Client as Client

face(__name__, {"duomo.client.client": "Client"})
