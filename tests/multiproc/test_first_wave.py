"""The first tasks of every field, in a process and in an actor of Ray: what they give there is what they give here."""

import functools
from pathlib import Path
from typing import Any

import pytest

import duomo
from duomo.plugins.requirements import missing_requirements
from duomo.testing import fake_catalog, sample_for
from duomo.testing.comparing import difference
from tests.contract.test_every_family import CHECKPOINTS

pytestmark = [pytest.mark.multiproc, pytest.mark.slow, pytest.mark.alone]
MODELS = {
    "nlp/transformers": "translation summarization text2text-generation fill-mask text-ranking "
    "table-question-answering",
    "vision/transformers": "object-detection zero-shot-object-detection semantic-segmentation instance-segmentation "
    "panoptic-segmentation depth-estimation pose-estimation super-resolution video-classification",
    "speech/transformers": "audio-classification speaker-diarization",
    "speech/deepfilternet3": "speech-enhancement",
    "multimodal/captioner": "image-captioning handwriting-recognition",
    "multimodal/vilt": "visual-question-answering",
    "multimodal/chat": "image-text-to-text",
    "tabular/series-networks": "time-series-forecasting",
}
"""Models, and the tasks that are tried with each: a family by a tiny random checkpoint."""
FIRST_WAVE = [
    pytest.param(task, model, id=task, marks=[] if (model, task) in CHECKPOINTS else pytest.mark.embedded)
    for model, tasks in MODELS.items()
    for task in tasks.split()
]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Calls of a task, one of them bad, and their outcomes in this process."""

    @functools.cache
    def calls(task: str, model: str) -> tuple[list[Any], list[duomo.Outcome[Any]]]:
        from several import Call

        if save := CHECKPOINTS.get((model, task)):
            save(folder := tmp_path_factory.mktemp(task))
            model = f"dir:{folder}"
        with duomo.load(task, model) as runner:
            sample = sample_for(runner.task)
            assert sample is not None
            items = [sample.items[0], sample.broken, *sample.items[1:]]
            outcomes = list(runner.map(items, **sample.options))
        return [Call(task, model, item, sample.options) for item in items], outcomes

    return calls


@pytest.fixture(scope="module", params=["local", "ray"])
def there(request):
    """One worker that has every model."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(Path(__file__).parent)
        patch.setenv("PYTHONPATH", folder)
        patch.syspath_prepend(folder)
        from several import OneForAll

        catalog = fake_catalog(fake=OneForAll())
        if missing_requirements(catalog.executor(request.param).requires):
            pytest.skip(f"the extra '{request.param}' is not installed")
        place: dict[str, Any] = {"executor": request.param, "devices": "cpu", "catalog": catalog}
        with duomo.load("fake/anything", "fake/several", **place) as runner:
            yield runner


@pytest.mark.parametrize(("task", "model"), FIRST_WAVE)
def test_a_task_gives_what_it_gives_in_this_process(there, here, task, model):
    calls, expected = here(task, model)
    outcomes = list(there.map(calls))
    assert [outcome.ok for outcome in outcomes] == [at != 1 for at in range(len(calls))]
    assert {outcome.meta.executor for outcome in outcomes if outcome.ok} == {there.meta.executor}
    for one, other in zip(outcomes, expected, strict=True):
        assert type(one.result) is type(other.result)
        assert difference(one.result, other.result, 1e-5) == ""
        assert (one.error and one.error.what) == (other.error and other.error.what)
