"""A network whose stack of layers is spread over several processes while it is trained (``pp``).

Each stage calls the network's own forward, as in inference: its first layer takes what the stage before sends, and its
last layer ends the pass. Micro-batches follow each other as in 1F1B (Narayanan et al. 2019, PipeDream,
https://arxiv.org/abs/1806.03377), by torch.distributed.pipelining; gradients add up, so that their order is no matter.

A tensor belongs to one stage: that of its layer, or the first or last one, by whether its module is called before or
after the layers. A tensor that is used on both sides, such as tied embeddings, is refused.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B

from duomo.errors import UsageProblem
from duomo.execution.sharding import pipeline
from duomo.parallel import PipelinePlan, bucket
from duomo.training.distributed.owners import find_owners, unchanged

KEPT = 8
"""Schedules that are kept, one for each size of messages and number of micro-batches."""


class _Ended(Exception):
    """Ends a pass at the last layer of a stage."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden


class _Dropped(NamedTuple):
    """A parameter that this stage does not need."""

    path: str
    name: str
    needs_grad: bool


class Stages:
    """One stage of a network.

    Args:
        network: is cut; what is trained has gradients already.
        plan: where its layers are.
        run: one pass through the whole network.
        pp: stages.
        stage: number of this one.
        group: the processes of all stages, in order.
        name: for messages.
        computing: is around each pass, which is not waiting for other stages.
    """

    def __init__(
        self,
        network: nn.Module,
        plan: PipelinePlan,
        run: Callable[[], object],
        pp: int,
        stage: int,
        group: dist.ProcessGroup,
        name: str,
        computing: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._computing = computing
        self._network, self._pp, self._stage, self._group = network, pp, stage, group
        self._is_first, self._is_last = stage == 0, stage == pp - 1
        self._path = pipeline.layers_of(network, plan, name)
        self._whole: Any = network.get_submodule(self._path)
        self._device = next(network.parameters()).device
        self._given: Tensor | None = None
        self.error: Exception | None = None
        """What a pass raised in this process."""
        sizes = pipeline.balanced(network, plan, pp, name)
        self._owners = find_owners(network, self._path, sizes, run, name)
        self._cut(plan, sizes[stage], name)
        self._schedules: dict[tuple[int, int], Any] = {}
        if not self.parameters():
            raise UsageProblem(
                f"'{name}' has nothing to train in stage {stage + 1} of {pp}",
                why="the layers that are frozen are all of it, and a stage passes gradients on",
                fix=f"train='all'; or dp={pp}, where frozen layers are computed once",
            )

    def parameters(self) -> dict[str, nn.Parameter]:
        """Those of this stage that are trained, by their names in the whole network."""
        named = self._network.named_parameters()
        return {name: each for name, each in named if each.requires_grad and self._is_here(name)}

    def backward(self, passes: Sequence[Callable[[], Tensor]]) -> None:
        """Run each forward and backward, all stages at once; a pass gives a loss at the last stage."""
        size = max(self._size_of(each) for each in passes)
        size = bucket(size, 2 * size)
        schedule = self._schedule(size, len(passes))
        arguments = [(torch.zeros(1, device=self._device),) for _ in passes] if self._is_first else None
        more: dict[str, Any] = {} if arguments is None else {"arg_mbs": arguments}
        if self._is_last:
            more["target_mbs"] = [None] * len(passes)
        try:
            schedule.step(kwarg_mbs=[{"run": each} for each in passes], return_outputs=False, losses=[], **more)
        except RuntimeError as error:
            if self.error is None and isinstance(error.__cause__, Exception):
                self.error = error.__cause__
            if self.error is not None:  # torch puts what a pass raised into words
                raise self.error from None
            raise

    @torch.no_grad()
    def forward(self, passes: Sequence[Callable[[], object]]) -> None:
        """Run each without gradients; the passes end at the last stage."""
        sending = []
        ranks = dist.get_process_group_ranks(self._group)
        for run in passes:
            with self._hooked(self._receive if not self._is_first else None):
                try:
                    run()
                except _Ended as ended:
                    hidden = ended.hidden.float().contiguous()
                    sending.append((dist.isend(hidden, ranks[self._stage + 1], group=self._group), hidden))
        for work, _ in sending:
            assert work is not None
            work.wait()

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of all stages together."""
        found: list[Any] = [None] * self._pp
        own = {key: each.detach().cpu() for key, each in tensors.items() if self._is_here(key)}
        dist.all_gather_object(found, own, group=self._group)
        return {key: each for stage in found for key, each in stage.items()}

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of this stage."""
        return {key: each for key, each in tensors.items() if self._is_here(key)}

    def join(self, network: nn.Module) -> None:
        """Put the layers and parameters of all stages back."""
        found = self.whole(dict(network.named_parameters()))
        if not self._is_last:
            self._handle.remove()
        for path, module in self._blanks.items():
            self._network.set_submodule(path, module)
        self._network.set_submodule(self._path, self._whole)
        pipeline.lengthen(self._network, self._config)
        for path, name, needs_grad in self._dropped:
            value = found[f"{path}.{name}" if path else name].to(self._device)
            setattr(self._network.get_submodule(path), name, nn.Parameter(value, requires_grad=needs_grad))

    def _is_here(self, key: str) -> bool:
        return self._owners[key.partition(":")[0]] == self._stage

    def _cut(self, plan: PipelinePlan, own: range, name: str) -> None:
        parameters = dict(self._network.named_parameters(remove_duplicate=False))
        others = {name for name in parameters if self._owners[name] != self._stage}
        self._blanks = {} if self._is_first else pipeline.blank(self._network, plan.first, name)
        early = {
            f"{path}.{each}" for path in self._blanks for each, _ in self._blanks[path].named_parameters(recurse=False)
        }
        self._dropped = []
        for full in sorted(others):
            path, _, last = full.rpartition(".")
            # What stands below the layers also says, at other stages, which shape is received.
            is_read = self._owners[full] == 0 and full not in early and not full.startswith(f"{self._path}.")
            module = self._blanks[path] if path in self._blanks else self._network.get_submodule(path)
            before: nn.Parameter = getattr(module, last)
            self._dropped.append(_Dropped(path, last, before.requires_grad))
            left = before.detach() if is_read else torch.empty_like(before, device="meta")
            setattr(module, last, nn.Parameter(left, requires_grad=False))
        here = nn.ModuleList()
        for at in own:
            here.add_module(str(at), self._whole[at])  # under their own numbers, so that names stay
        self._network.set_submodule(self._path, here)
        self._config = pipeline.shorten(self._network, own)
        self._first, self._last = self._whole[own[0]], self._whole[own[-1]]
        if not self._is_last:
            self._handle = self._last.register_forward_hook(self._end)

    @contextlib.contextmanager
    def _hooked(self, before: Callable[..., Any] | None) -> Iterator[None]:
        handle = None if before is None else self._first.register_forward_pre_hook(before)
        try:
            yield
        finally:
            if handle is not None:
                handle.remove()

    def _size_of(self, run: Callable[[], object]) -> int:
        """Numbers in the hidden states of a pass: what stands below the layers says it at each stage."""
        with unchanged(self._network), self._hooked(_stop):
            try:
                run()
            except _Ended as ended:
                return ended.hidden.numel()
        raise RuntimeError("a pass did not come to the layers")

    def _schedule(self, size: int, num_passes: int) -> Any:
        """A schedule for messages of one size: torch fixes the shapes when it makes one."""
        key = size, num_passes
        if key not in self._schedules:
            if len(self._schedules) >= KEPT:
                self._schedules.pop(next(iter(self._schedules)))
            message = torch.zeros(size, device=self._device, requires_grad=True)
            one = torch.zeros(1, device=self._device)
            stage = PipelineStage(
                _Pass(self, size), self._stage, self._pp, self._device,
                input_args=(one if self._is_first else message,),
                output_args=(torch.zeros((), device=self._device) if self._is_last else message,),
                group=self._group,
            )  # fmt: skip
            self._schedules[key] = Schedule1F1B(stage, num_passes, loss_fn=_same, scale_grads=False)
        return self._schedules[key]

    def one(self, size: int, given: Tensor, run: Callable[[], Tensor]) -> Tensor:
        """One pass through this stage: flat hidden states (size,) in and out, a loss out of the last stage."""
        self._given = given
        try:
            with self._computing(), self._hooked(None if self._is_first else self._take):
                return run()
        except _Ended as ended:
            flat = ended.hidden.float().reshape(-1)
            return nn.functional.pad(flat, (0, size - flat.numel()))
        except Exception as error:
            self.error = error
            raise

    def _take(self, _layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self._given is not None
        own: Tensor = args[0]
        return (self._given[: own.numel()].view(own.shape).to(own.dtype), *args[1:])

    def _receive(self, _layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        own: Tensor = args[0]
        found = torch.empty(own.shape, device=own.device)
        dist.recv(found, dist.get_process_group_ranks(self._group)[self._stage - 1], group=self._group)
        return (found.to(own.dtype), *args[1:])

    def _end(self, _layer: nn.Module, _args: object, output: object) -> None:
        raise _Ended(pipeline.hidden_of(output))


class _Pass(nn.Module):
    """What torch's schedule calls for each micro-batch; the network stays out of its sight."""

    def __init__(self, stages: Stages, size: int) -> None:
        super().__init__()
        self._one = functools.partial(stages.one, size)

    def forward(self, given: Tensor, *, run: Callable[[], Tensor]) -> Tensor:
        """One pass."""
        return self._one(given, run)


def _stop(_layer: nn.Module, args: tuple[Any, ...]) -> None:
    raise _Ended(args[0])


def _same(loss: Tensor, _target: object) -> Tensor:
    return loss
