"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl


class Vision(Hooks):
    """Pictures: classification, embedding, faces, reading print."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return ()


plugin = Vision()
