"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import CommandSpec, Hooks, ModelSpec, hookimpl

GATO_SHA256 = "1eb6cb27b2bd404d59808cdfd1e99ad9c49b16aa2e7948acba57b54b677087f8"
GATO_SIZE, GATO_PARAMS = 1_799_464, 896_880
CONSE_LIMITS = (
    "Knows the 1000 things of ImageNet and what is near them in meaning, asked for in English; "
    "not for scenes, people, drawings, text in images or medical images."
)
CHATTING = tuple(
    f"{name}ForConditionalGeneration"
    for name in (
        "Gemma3", "Idefics3", "InternVL", "Llava", "LlavaNext", "LlavaOnevision", "Mistral3", "PaliGemma", "Qwen2VL",
        "Qwen2_5_VL", "Qwen3VL", "Qwen3VLMoe", "Qwen3_5",
    )
)  # fmt: skip
"""What answers chats with images; each is compared with its own `generate` in tests."""
DUAL = ("AlignModel", "AltCLIPModel", "CLIPModel", "ChineseCLIPModel", "MetaClip2Model", "Siglip2Model", "SiglipModel")


def _conse(task: str, loader: str, summary: str) -> ModelSpec:
    return ModelSpec(
        "multimodal/conse",
        task,
        f"duomo_multimodal.conse:{loader}",
        summary,
        "Apache-2.0",
        weights="none",
        uses=("image-classification=vision/efficientnet-lite0", "feature-extraction=nlp/minilm"),
        packs=("starter",),
        languages=("en",),
        limits=CONSE_LIMITS,
    )


def _dual_encoder(task: str, loader: str, summary: str) -> ModelSpec:
    return ModelSpec(
        "multimodal/transformers",
        task,
        f"duomo_multimodal.auto:{loader}",
        summary,
        "Apache-2.0",
        weights="given",
        architectures=DUAL,
    )


def _gato(task: str, loader: str, summary: str, trainer: str = "") -> tuple[ModelSpec, ModelSpec]:
    """The family, whose folders a training writes, and the small one that comes with this plugin."""
    family = ModelSpec(
        "multimodal/gato",
        task,
        f"duomo_multimodal.gato.serving:{loader}",
        f"a generalist in the manner of Gato: {summary}",
        "Apache-2.0",
        weights="given",
        limits="as good as its training: benchmarks/generalist.py trains one",
        trainer=trainer,
    )
    return family, family._replace(
        name="multimodal/gato-small",
        summary=f"a small generalist: {summary}",
        weights="package:duomo_multimodal/gato/trained/model.safetensors",
        sha256=GATO_SHA256,
        size=GATO_SIZE,
        params=GATO_PARAMS,
        tags=() if task == "reinforcement-learning" else ("demonstration",),
        limits="Shows that one network does three tasks, and is of no other use: digits of 8 by 8 pixels, text that "
        "looks like documentation, a walker on 25 fields and a point in the plane.",
    )


class Multimodal(Hooks):
    """Images, text and speech in one space."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (
            _conse("zero-shot-image-classification", "ConseZeroShot", "labels by the meaning of their names"),
            _conse("multimodal-embedding", "ConseEmbed", "texts and images as 384 numbers"),
            _conse("image-search", "ConseSearch", "images by the meaning of a text"),
            ModelSpec(
                "multimodal/spoken-search",
                "spoken-image-search",
                "duomo_multimodal.spoken:SpokenImageSearch",
                "images by asking aloud",
                "Apache-2.0",
                weights="none",
                uses=("automatic-speech-recognition=speech/whisper-tiny.en", "image-search=multimodal/conse"),
                packs=("starter",),
                languages=("en",),
                limits=CONSE_LIMITS,
            ),
            ModelSpec(
                "multimodal/read-and-answer",
                "document-question-answering",
                "duomo_multimodal.documents:ReadAndAnswer",
                "a page is read, then any checkpoint for extractive question answering answers",
                "Apache-2.0",
                weights="given",
                uses=("optical-character-recognition=vision/paddle-ocr",),
                architectures=("*ForQuestionAnswering",),
                limits="reads lines across the page, row by row; what only the layout says is lost",
            ),
            ModelSpec(
                "multimodal/donut",
                "document-question-answering",
                "duomo_multimodal.donut:DonutAnswerer",
                "Donut: looks at a page and writes the answer, without reading its print first",
                "Apache-2.0",
                weights="given",
                architectures=("VisionEncoderDecoderModel",),
                limits="one answer, and no place on the page; languages and layouts that it was trained on",
            ),
            ModelSpec(
                "multimodal/layoutlm",
                "document-classification",
                "duomo_multimodal.pages:PageClassifier",
                "LayoutLMv3: the looks of a page, its print, and where that stands",
                "Apache-2.0",
                weights="given",
                uses=("optical-character-recognition=vision/paddle-ocr",),
                architectures=("LayoutLMv3ForSequenceClassification",),
                limits="of the print of a page, the first 510 tokens count",
            ),
            ModelSpec(
                "multimodal/captioner",
                "image-captioning",
                "duomo_multimodal.captions:Captioner",
                "BLIP, GIT or an encoder-decoder of image and text (ViT with GPT-2, TrOCR for lines of writing)",
                "Apache-2.0",
                weights="given",
                architectures=("BlipForConditionalGeneration", "GitForCausalLM", "VisionEncoderDecoderModel"),
                limits="says what images like those it was trained on show; it makes things up on others",
            ),
            ModelSpec(
                "multimodal/captioner",
                "handwriting-recognition",
                "duomo_multimodal.captions:LineReader",
                "TrOCR: one line of handwriting or print",
                "Apache-2.0",
                weights="given",
                architectures=("VisionEncoderDecoderModel",),
                limits="reads one line that was cut out of its page; of a whole page it makes nonsense",
            ),
            ModelSpec(
                "multimodal/chat",
                "image-text-to-text",
                "duomo_multimodal.chat:ImageChatter",
                "LLaVA, Qwen-VL, SmolVLM, InternVL, Gemma 3, Mistral and their kin: answers to chats with images",
                "Apache-2.0",
                weights="given",
                architectures=CHATTING,
                limits="chats of unlike shapes, and those that are sampled, go through one by one; PaliGemma takes one "
                "prompt about an image, and no chat",
            ),
            ModelSpec(
                "multimodal/blip-matching",
                "image-text-retrieval",
                "duomo_multimodal.matching:TextMatcher",
                "BLIP, reading each text while it looks at the image",
                "Apache-2.0",
                weights="given",
                architectures=("BlipForImageTextRetrieval",),
                limits="every text is read for every image: for thousands of texts use image-search",
            ),
            ModelSpec(
                "multimodal/clipseg",
                "text-image-segmentation",
                "duomo_multimodal.outlining:Outliner",
                "CLIPSeg: masks of things that are named on the spot",
                "Apache-2.0",
                weights="given",
                architectures=("CLIPSegForImageSegmentation",),
                limits="outlines are coarse: maps of 352 pixels a side, brought to the size of the image",
            ),
            ModelSpec(
                "multimodal/vilt",
                "visual-question-answering",
                "duomo_multimodal.vqa:VisualQuestionAnswerer",
                "any ViLT checkpoint for visual question answering",
                "Apache-2.0",
                weights="given",
                architectures=("ViltForQuestionAnswering",),
                limits="chooses among the answers it was trained on; questions of at most 40 tokens",
            ),
            ModelSpec(
                "multimodal/blip-answering",
                "visual-question-answering",
                "duomo_multimodal.asking:AnswerWriter",
                "BLIP for visual question answering: writes its answer",
                "Apache-2.0",
                weights="given",
                architectures=("BlipForQuestionAnswering",),
                limits="writes one answer, whatever top_k says; its score is the probability of its tokens",
            ),
            *_gato(
                "reinforcement-learning",
                "Actor",
                "what to do next, in environments that it has seen",
                "duomo_multimodal.gato.training:ActorTrainer",
            ),
            *_gato("image-captioning", "ImageDescriber", "words for an image"),
            *_gato("text-generation", "TextWriter", "a text goes on"),
            _dual_encoder(
                "zero-shot-image-classification", "DualEncoderZeroShot", "any checkpoint of CLIP, SigLIP or their kin"
            ),
            _dual_encoder("multimodal-embedding", "DualEncoderEmbed", "any checkpoint of CLIP, SigLIP or their kin"),
            _dual_encoder("image-search", "DualEncoderSearch", "any checkpoint of CLIP, SigLIP or their kin"),
        )

    @hookimpl
    def register_commands(self) -> Iterable[CommandSpec]:
        return (CommandSpec("demo", "duomo_multimodal.demo.command:demo", "see, read, hear, speak and find, offline"),)


plugin = Multimodal()
