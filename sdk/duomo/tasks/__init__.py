"""The shared vocabulary: what each task takes, which options it has and what it gives back.

This page joins the tables of the modalities, so that listing tasks imports nothing heavy; the classes live in
`duomo.tasks.vision`, `nlp`, `speech` and `multimodal`, and are reachable from here by name.
"""

import importlib
from typing import Any

from duomo.specs import TaskSpec
from duomo.tasks import multimodal, nlp, speech, vision
from duomo.tasks.table import IMAGES as IMAGES, SOUNDS as SOUNDS, TEXTS as TEXTS

CORE_TASKS: tuple[TaskSpec, ...] = (*vision.TASKS, *nlp.TASKS, *speech.TASKS, *multimodal.TASKS)

_CLASSES = {spec.target.rpartition(":")[2]: spec.target.partition(":")[0] for spec in CORE_TASKS}


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(importlib.import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLASSES})
