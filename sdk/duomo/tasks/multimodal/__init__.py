"""Tasks that join images, text and speech."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import IMAGES, SOUNDS, row

if TYPE_CHECKING:
    from duomo.tasks.multimodal.captioning import *
    from duomo.tasks.multimodal.chat import *
    from duomo.tasks.multimodal.classification import *
    from duomo.tasks.multimodal.control import *
    from duomo.tasks.multimodal.documents import *
    from duomo.tasks.multimodal.matching import *
    from duomo.tasks.multimodal.retrieval import *
    from duomo.tasks.results import (
        Classification as Classification,
        Embedding as Embedding,
        SearchResult as SearchResult,
    )

TASKS = (
    row(
        "zero-shot-image-classification",
        "multimodal.classification",
        "choose among labels for an image",
        IMAGES,
        'cat.jpg -p labels="a cat,a dog"',
    ),
    row("image-captioning", "multimodal.captioning", "what is to be seen, in words", IMAGES, "cat.jpg -m dir:PATH"),
    row(
        "visual-question-answering",
        "multimodal.captioning",
        "what an image says to a question",
        item='{"question": "What is on the sofa?", "image": "cat.jpg"}',
    ),
    row(
        "image-text-to-text",
        "multimodal.chat",
        "answer a chat in which images are shown",
        item='{"text": "What is on the sofa?", "image": "cat.jpg"}',
    ),
    row(
        "image-text-retrieval",
        "multimodal.matching",
        "which of some texts says what an image shows",
        item='{"image": "cat.jpg", "texts": ["a cat", "a lorry"]}',
    ),
    row(
        "text-image-segmentation",
        "multimodal.matching",
        "the outline of things that are named on the spot",
        IMAGES,
        'cat.jpg -m dir:PATH -p labels="a cat,a sofa"',
    ),
    row(
        "document-classification",
        "multimodal.documents",
        "what kind of document a page is",
        IMAGES,
        "page.png -m dir:PATH",
    ),
    row(
        "document-parsing",
        "multimodal.documents",
        "the fields of a receipt, an invoice or a form",
        IMAGES,
        "receipt.png -m dir:PATH",
    ),
    row(
        "document-question-answering",
        "multimodal.documents",
        "what a page says to a question, and where",
        item='{"question": "Which total?", "image": "invoice.png"}',
    ),
    row("multimodal-embedding", "multimodal.retrieval", "text and images in one space", IMAGES, "cat.jpg"),
    row(
        "image-search",
        "multimodal.retrieval",
        "find images by a text or an image",
        IMAGES,
        '-t "a cup of coffee" -p images=photos/',
    ),
    row(
        "spoken-image-search",
        "multimodal.retrieval",
        "find images by asking aloud",
        SOUNDS,
        "question.wav -p images=photos/",
    ),
    row(
        "reinforcement-learning",
        "multimodal.control",
        "what an agent does next, given what it has seen and done",
        arguments="",
        item='{"observations": [{"walker": [0, 1], "goal": [4, 1]}]}',
    ),
)

face(
    __name__,
    {
        "duomo.tasks.multimodal.captioning": "Caption ImageCaptioning ImageCaptioningOptions VisualAnswer VisualAnswers"
        " VisualQuestionAnswering VisualQuestionAnsweringOptions",
        "duomo.tasks.multimodal.chat": "ImageTextToText ImageTextToTextOptions",
        "duomo.tasks.multimodal.matching": "ImageTextRetrieval ImageTextRetrievalOptions TextImageSegmentation"
        " TextImageSegmentationOptions",
        "duomo.tasks.multimodal.control": "Action ReinforcementLearning ReinforcementLearningOptions",
        "duomo.tasks.multimodal.classification": "ZeroShotImageClassification ZeroShotImageClassificationOptions",
        "duomo.tasks.multimodal.documents": "DocumentClassification DocumentClassificationOptions"
        " DocumentParsing DocumentParsingOptions DocumentQuestionAnswering PageAnswer PageAnswers PageField ParsedPage",
        "duomo.tasks.multimodal.retrieval": "ImageSearch ImageSearchOptions ImageSearchResult"
        " MultimodalEmbedding MultimodalEmbeddingOptions SpokenImageSearch",
        "duomo.tasks.results": "Classification Embedding SearchResult",
    },
)
