"""What every model that can be trained must do: learn, be saved and loaded, keep what is frozen, resume exactly."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from duomo.catalog import Catalog, default_catalog
from duomo.testing.suite import Suite
from duomo.training.fit import Fit
from duomo.training.fitting import Progress, finetune
from duomo.training.recipe import Recipe
from duomo.training.request import Request
from duomo.training.starts import find_start


class TrainableConformance(Suite):
    """What every model that can be trained must do. Set `model`, `task` and `rows`."""

    model: ClassVar[str]
    """What training starts from: ``plugin/thing`` or ``dir:PATH``."""
    task: ClassVar[str]
    rows: ClassVar[Sequence[Any]]
    """At least eight rows that can be learned, as `duomo.finetune` takes them."""
    label: ClassVar[str] = "label"
    train: ClassVar[str | int] = "all"
    """What is trained; ``head`` for one that has frozen parts."""
    recipe: ClassVar[Recipe] = Recipe(epochs=8, batch=4, lr=1e-2)
    catalog: ClassVar[Catalog | None] = None
    """The plugins to use; all installed ones when left out."""

    def subject(self) -> str:
        """The model and its task."""
        return f"{self.model} ({self.task})"

    def test_the_loss_falls(self) -> None:
        """Eight rows can be learned by heart."""
        with tempfile.TemporaryDirectory() as folder:
            losses = [line["loss"] for line in self._fit(Path(folder) / "out").curves if "loss" in line]
        assert losses[-1] < losses[0], f"the loss was {losses[0]:.4f} at first and {losses[-1]:.4f} at last"

    def test_the_folder_is_a_model(self) -> None:
        """What was saved is loaded, and gives a result."""
        with tempfile.TemporaryDirectory() as folder:
            fit = self._fit(Path(folder) / "out")
            from duomo.runner import load

            with load(self.task, f"dir:{fit.folder}", device="cpu", catalog=self.catalog) as runner:
                row = self.rows[0]
                item = row[0] if isinstance(row, tuple) else row
                assert isinstance(runner(item if not isinstance(item, dict) else self._input(item)), runner.task.Result)

    def test_the_losses_of_a_batch_are_those_of_its_rows(self) -> None:
        """Nothing of a row leaks into its neighbours, in evaluation mode."""
        import torch

        training = self._opened()
        model, rows = training.model, training.train_rows
        model.network.eval()
        with torch.no_grad():
            whole = rows.batch(range(4))
            losses = model.losses(whole.output(), whole.targets)
            alone = [model.losses(each.output(), each.targets) for each in (rows.batch([at]) for at in range(4))]
        for name, together, single in (
            ("losses", losses.rows, [each.rows[0] for each in alone]),
            ("counts", losses.counts, [each.counts[0] for each in alone]),
        ):
            torch.testing.assert_close(together, torch.stack(single), atol=1e-4, rtol=1e-4, msg=f"{name} differ")

    def test_what_is_frozen_stays(self) -> None:
        """Every tensor and buffer below the head is the same after training the head; nothing to do without parts."""
        import torch

        training = self._opened(train="head") if self._opened().model.parts() is not None else None
        if training is None:
            return
        training._freeze()
        before = {name: each.clone() for name, each in training.model.network.state_dict().items()}
        training._make_loop()
        for _ in training.loop.steps():
            pass
        trained = training.trained.modules
        changed = [
            name
            for name, each in training.model.network.state_dict().items()
            if not torch.equal(each, before[name]) and not name.startswith(tuple(f"{part}." for part in trained))
        ]
        assert not changed, f"{len(changed)} frozen tensors changed, such as '{changed[0]}'"

    def test_a_resumed_training_is_exact(self) -> None:
        """Stopped in the middle of an epoch and resumed, it ends with the weights of one that was not."""
        with tempfile.TemporaryDirectory() as folder:
            whole = self._fit(Path(folder) / "whole")

            def stop(at: Progress) -> None:
                if at.step == 3:
                    raise KeyboardInterrupt

            with contextlib.suppress(KeyboardInterrupt):
                self._fit(Path(folder) / "cut", on_step=stop)
            cut = self._fit(Path(folder) / "cut", resume=True)
            files = [
                {path.name: path.read_bytes() for path in fit.folder.glob("*.safetensors")} for fit in (whole, cut)
            ]
        assert files[0] == files[1], "weights differ: something draws random numbers that are not its generator's"

    def test_augmentation_is_a_function_of_its_generator(self) -> None:
        """The same row and seed give the same features, in any order."""
        training = self._opened()
        rows = training.train_rows
        first, _, again = (repr(rows.batch([0, 1], seeds).inputs) for seeds in ([5, 6], [7, 8], [5, 6]))
        assert first == again, "augment() draws from another generator than the one it is given"

    def _fit(self, out: Path, **more: Any) -> Fit:
        return finetune(
            self.task,
            self.rows,
            out=out,
            model=self.model,
            label=self.label,
            train=self.train,
            validation=0,
            recipe=dataclasses.replace(self.recipe, checkpoint_s=0.0),
            device="cpu",
            catalog=self.catalog,
            **more,
        )

    def _opened(self, train: str | int | None = None) -> Any:
        from duomo.training.training import Training

        catalog = self.catalog or default_catalog()
        request = Request(
            task=self.task,
            data=self.rows,
            out=Path(),
            model=self.model,
            label=self.label,
            train=self.train if train is None else train,
            validation=0,
            recipe=self.recipe,
            device="cpu",
        )
        training = Training(request, find_start(self.task, self.model, catalog), catalog.task(self.task))
        training.read()
        return training

    def _input(self, row: dict[str, Any]) -> object:
        rest = [value for name, value in row.items() if name != self.label]
        return rest[0] if len(rest) == 1 else {name: value for name, value in row.items() if name != self.label}
