"""What people hand in: wide at the border, one class inside.

Each class has ``accept(value)``, which takes every shape a caller may reasonably pass and raises
`duomo.errors.BadInput` otherwise. Accepting is cheap and decodes nothing; decoding happens beside
the model, with limits.
"""

from duomo.inputs.audio import Audio
from duomo.inputs.chat import ImageChat
from duomo.inputs.episode import Episode
from duomo.inputs.image import Image
from duomo.inputs.limits import Limits, limits
from duomo.inputs.marked import MarkedImage
from duomo.inputs.pair import (
    AudioPair,
    Candidates,
    Choices,
    Comparison,
    ImageCandidates,
    ImagePair,
    ImageQuestion,
    ImageTrimap,
    PageQuestion,
    Question,
    SpokenText,
    TextOrImage,
    TextPair,
)
from duomo.inputs.seal import check_unsealed
from duomo.inputs.series import Series
from duomo.inputs.source import is_hidden
from duomo.inputs.table import TableRow
from duomo.inputs.tables import Table, TableQuestion
from duomo.inputs.text import Prompt, Text
from duomo.inputs.video import Video

__all__ = [
    "Audio",
    "AudioPair",
    "Candidates",
    "Choices",
    "Comparison",
    "Episode",
    "Image",
    "ImageCandidates",
    "ImageChat",
    "ImagePair",
    "ImageQuestion",
    "ImageTrimap",
    "Limits",
    "MarkedImage",
    "PageQuestion",
    "Prompt",
    "Question",
    "Series",
    "SpokenText",
    "Table",
    "TableQuestion",
    "TableRow",
    "Text",
    "TextOrImage",
    "TextPair",
    "Video",
    "check_unsealed",
    "is_hidden",
    "limits",
]
