"""A task and a model that stand for all, so that one worker does what would take one for each model."""

import functools
from typing import Any, NamedTuple, Self

import duomo
from duomo import Runner
from duomo.execution.inline import InlineExecutor
from duomo.hooks import Hooks, hookimpl
from duomo.specs import TaskSpec
from duomo.tasks.base import Options, Result, Task
from duomo.testing import echo_spec


class Call(NamedTuple):
    """An item of a task, and the model that it is for."""

    task: str
    model: str
    item: Any
    options: dict[str, Any]

    @classmethod
    def accept(cls, value: Self) -> Self:
        return value._replace(item=runner_of(value).task.Input.accept(value.item))


class Anything(Task[Call, Options, Result]):
    name = "fake/anything"


class Several(duomo.Model[Call, Result]):
    """Does with the calls of one batch, which are alike, what the model does that they name."""

    batch_size = 4

    @classmethod
    def load(cls, weights, *, device, dtype):
        return cls()

    def preprocess(self, items, options):
        model, own = model_of(items[0])
        features = model.preprocess([call.item for call in items], own)
        return [{**each, "call": call} for each, call in zip(features, items, strict=True)]

    def collate(self, features):
        call = features[0]["call"]
        own = [{name: value for name, value in each.items() if name != "call"} for each in features]
        return call, model_of(call)[0].collate(own)

    def forward(self, batch):
        return model_of(batch[0])[0].forward(batch[1])

    def postprocess(self, output, features, options):
        model, own = model_of(features[0]["call"])
        return model.postprocess(output, features, own)

    def split(self, item, options):
        model, own = model_of(item)
        return [item._replace(item=part) for part in model.split(item.item, own)]

    def merge(self, item, results, options):
        model, own = model_of(item)
        return model.merge(item.item, results, own)


@functools.cache
def _runner(task: str, model: str) -> Runner[Any]:
    return duomo.load(task, model)


def runner_of(call: Call) -> Runner[Any]:
    """Load what a call names, once in each process."""
    return _runner(call.task, call.model)


def model_of(call: Call) -> tuple[duomo.Model[Any, Any], Options]:
    """The model that a call names, and its options as that takes them."""
    runner = runner_of(call)
    assert isinstance(runner.executor, InlineExecutor)
    return runner.executor.worker.model, runner.task.Options.parse(call.options)


class OneForAll(Hooks):
    """A plugin with the task and the model above."""

    @hookimpl
    def register_tasks(self):
        return [TaskSpec("fake/anything", "several:Anything", "whatever is asked", "multimodal")]

    @hookimpl
    def register_models(self):
        return [echo_spec("fake/several", task="fake/anything", loader="several:Several")]
