"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl


class Birds(Hooks):
    """Garden birds."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        yield ModelSpec(
            name="birds/plumage",
            task="image-classification",
            loader="duomo_birds.model:Plumage",
            summary="five garden birds by two colours each",
            license="Apache-2.0",
            weights="none",
            requires=("numpy>=1.26", "pillow>=11.3"),
            limits="it sees colours and nothing else: a blue and yellow chair is a blue tit",
        )
        yield ModelSpec(
            name="birds/palette",
            task="image-classification",
            loader="duomo_birds.palette:Palette",
            summary="birds of your own by their colours, to be trained",
            license="Apache-2.0",
            weights="given",
            requires=("numpy>=1.26", "pillow>=11.3", "safetensors>=0.4", "torch>=2.11"),
            trainer="duomo_birds.palette:PaletteTrainer",
            tags=("from-scratch",),
            limits="it sees colours and nothing else",
        )


plugin = Birds()
