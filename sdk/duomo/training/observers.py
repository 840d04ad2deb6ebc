"""Plugins that look on while a training runs: the hook ``on_training``, called in the driver's process."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from duomo.errors import DuomoError, PluginBroken
from duomo.hooks import TrainingContext

if TYPE_CHECKING:
    from duomo.plugins.host import PluginHost
    from duomo.training.fit import Fit
    from duomo.training.request import Request


class Observers:
    """The plugins that implement ``on_training``, and what they share of one training.

    Args:
        host: of the plugins.
        request: what is asked for.
        reference: of the model that training starts from.
    """

    def __init__(self, host: PluginHost, request: Request, reference: str) -> None:
        self._hooks = host.implementing("on_training")
        recipe = {**request.recipe.record(), "lr": request.peak, "train": request.train}
        self._context = TrainingContext(request.task, reference, request.out, recipe)

    def tell(self, event: str, step: int, values: dict[str, Any]) -> None:
        """Call them; one that fails is warned about and costs nothing, unless it refuses the start."""
        context = self._context
        context.event, context.step, context.values = event, step, values
        for record, hook in self._hooks:
            try:
                hook(context)
            except Exception as error:
                if event == "start" and isinstance(error, DuomoError):
                    raise
                said = f"on_training raised {type(error).__name__}: {error}"
                if event == "start":
                    fix = f"report it to its author, or: duomo plugins disable {record.name}"
                    raise PluginBroken(f"plugin '{record.name}' stopped this training", why=said, fix=fix) from error
                warnings.warn(f"plugin '{record.name}': {said}", stacklevel=2)

    @contextlib.contextmanager
    def watching(self) -> Iterator[list[Fit]]:
        """Tell of the start, and of the end: the fit that is put into the list, or the error that ended it."""
        found: list[Fit] = []
        self.tell("start", 0, {})
        try:
            yield found
        except BaseException as error:  # Ctrl-C too: a hook that saw the beginning sees the end
            self._context.error = error
            self.tell("end", self._context.step, {})
            raise
        [fit] = found
        self.tell("end", fit.record["steps"], {name: each.value for name, each in fit.metrics.items()})
