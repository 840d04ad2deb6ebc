"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl


class Nlp(Hooks):
    """Text: embedding, classification, search, languages, chat."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return ()


plugin = Nlp()
