"""Tasks on images."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import IMAGES, row

if TYPE_CHECKING:
    from duomo.tasks.results import Classification as Classification, Embedding as Embedding
    from duomo.tasks.vision.classification import (
        DECODE as DECODE,
        Decode as Decode,
        ImageClassification as ImageClassification,
        ImageClassificationOptions as ImageClassificationOptions,
        ImageFeatureExtraction as ImageFeatureExtraction,
        ImageFeatureExtractionOptions as ImageFeatureExtractionOptions,
    )
    from duomo.tasks.vision.detection import (
        Box as Box,
        Detections as Detections,
        FaceDetection as FaceDetection,
        FaceDetectionOptions as FaceDetectionOptions,
    )
    from duomo.tasks.vision.reading import (
        CharacterRecognition as CharacterRecognition,
        CharacterRecognitionOptions as CharacterRecognitionOptions,
        Page as Page,
        TextLine as TextLine,
    )

TASKS = (
    row("image-classification", "vision.classification:ImageClassification", "what is in a picture", IMAGES, "cat.jpg"),
    row(
        "image-feature-extraction",
        "vision.classification:ImageFeatureExtraction",
        "a picture as a vector",
        IMAGES,
        "cat.jpg",
    ),
    row("face-detection", "vision.detection:FaceDetection", "where the faces are", IMAGES, "people.jpg"),
    row("optical-character-recognition", "vision.reading:CharacterRecognition", "read a page", IMAGES, "page.png"),
)

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "duomo.tasks.vision.classification": "DECODE Decode ImageClassification"
        " ImageClassificationOptions ImageFeatureExtraction ImageFeatureExtractionOptions",
        "duomo.tasks.vision.detection": "Box Detections FaceDetection FaceDetectionOptions",
        "duomo.tasks.vision.reading": "CharacterRecognition CharacterRecognitionOptions Page TextLine",
        "duomo.tasks.results": "Classification Embedding",
    },
)
