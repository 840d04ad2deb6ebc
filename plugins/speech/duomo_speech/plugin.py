"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl


class Speech(Hooks):
    """Sound: recognition, voice activity, speech, speakers."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return ()


plugin = Speech()
