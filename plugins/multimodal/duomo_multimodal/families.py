"""What reads printed pages by checkpoints that the caller names; nothing heavy is imported here."""

from duomo import ModelSpec

READING = ("optical-character-recognition=vision/paddle-ocr",)


def family(
    name: str,
    task: str,
    loader: str,
    summary: str,
    *architectures: str,
    limits: str = "",
    uses: tuple[str, ...] = (),
) -> ModelSpec:
    """The spec of a family, for one of its tasks."""
    return ModelSpec(
        f"multimodal/{name}",
        task,
        f"duomo_multimodal.{loader}",
        summary,
        "Apache-2.0",
        weights="given",
        architectures=architectures,
        limits=limits,
        uses=uses,
    )


PAGES = (
    family(
        "read-and-answer",
        "document-question-answering",
        "documents:ReadAndAnswer",
        "a page is read, then any checkpoint for extractive question answering answers",
        "*ForQuestionAnswering",
        *(f"!{name}*" for name in ("Blip", "LayoutLM", "Lilt", "MarkupLM", "Tapas", "Vilt")),
        uses=READING,
        limits="reads lines across the page, row by row; what only the layout says is lost",
    ),
    family(
        "layoutlm",
        "document-question-answering",
        "extracting:PageExtractor",
        "LayoutLM or LayoutLMv3: words of the print of a page, and where they stand",
        "LayoutLMForQuestionAnswering",
        "LayoutLMv3ForQuestionAnswering",
        uses=READING,
        limits="an answer is words that follow each other in the print; of LayoutLM each word's place in its "
        "line is that of its letters",
    ),
    family(
        "donut",
        "document-question-answering",
        "donut:DonutAnswerer",
        "Donut: looks at a page and writes the answer, without reading its print first",
        "VisionEncoderDecoderModel",
        limits="one answer, and no place on the page; languages and layouts that it was trained on",
    ),
    family(
        "donut",
        "document-parsing",
        "donut:DonutParser",
        "Donut: looks at a receipt or a form and writes its fields, without reading its print first",
        "VisionEncoderDecoderModel",
        limits="fields, languages and layouts that it was trained on; no place on the page",
    ),
    family(
        "layoutlm",
        "document-parsing",
        "forms:FormReader",
        "LayoutLMv3 or LiLT: words of the print of a form with their tags, joined to fields",
        "LayoutLMv3ForTokenClassification",
        "LiltForTokenClassification",
        uses=READING,
        limits="fields are words that follow each other in the print, and are named by their tags; which "
        "answer belongs to which question is not said; the score is the mean over the words of all fields",
    ),
    family(
        "layoutlm",
        "document-classification",
        "pages:PageClassifier",
        "LayoutLMv3: the looks of a page, its print, and where that stands",
        "LayoutLMv3ForSequenceClassification",
        uses=READING,
        limits="of the print of a page, the first 510 tokens count",
    ),
)
