"""The shared vocabulary: what each task takes, which options it has and what it gives back.

This page joins the modalities, so that listing tasks imports nothing heavy; the classes live in `duomo.tasks.vision`,
`nlp`, `speech`, `multimodal` and `tabular`, and all of them, tasks, options and results, are reachable from here.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.specs import TaskSpec
from duomo.tasks import multimodal, nlp, speech, tabular, vision
from duomo.tasks.table import IMAGES as IMAGES, SOUNDS as SOUNDS, TEXTS as TEXTS

if TYPE_CHECKING:
    from duomo.tasks.multimodal import *  # noqa: F403
    from duomo.tasks.nlp import *  # type: ignore[assignment, unused-ignore]  # noqa: F403 - TASKS alone is in all of them
    from duomo.tasks.speech import *  # type: ignore[assignment, unused-ignore]  # noqa: F403 - TASKS alone is in all of them
    from duomo.tasks.tabular import *  # type: ignore[assignment, unused-ignore]  # noqa: F403 - TASKS alone is in all of them
    from duomo.tasks.vision import *  # type: ignore[assignment, unused-ignore]  # noqa: F403 - TASKS alone is in all of them

_MODALITIES = (vision, nlp, speech, multimodal, tabular)

CORE_TASKS: tuple[TaskSpec, ...] = tuple(spec for modality in _MODALITIES for spec in modality.TASKS)

face(__name__, {modality.__name__: " ".join(vars(modality)["__all__"]) for modality in _MODALITIES})
