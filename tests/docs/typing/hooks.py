"""A plugin as an author writes it, with mistakes in its hooks that type checkers must see; never run."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, RunContext, hookimpl


class Birds(Hooks):
    @hookimpl
    def register_models(self) -> Iterable[str]:  # wrong
        return ["birds/tiny"]

    @hookimpl
    def before_run(self, ctx: RunContext, extra: int) -> None: ...  # wrong

    @hookimpl
    def register_tasks(self) -> list[ModelSpec]:  # wrong
        return []

    @hookimpl
    def doctor_checks(self) -> tuple[()]:
        return ()
