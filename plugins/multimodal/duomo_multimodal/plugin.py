"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl


class Multimodal(Hooks):
    """Pictures, text and speech in one space."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return ()


plugin = Multimodal()
