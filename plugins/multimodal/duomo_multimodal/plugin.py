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
        "Aria", "AyaVision", "Cohere2Vision", "DeepseekVL", "DeepseekVLHybrid", "Exaone4_5_", "FastVlm", "Gemma3",
        "Gemma3n", "Gemma4", "Glm46V", "Glm4v", "Glm4vMoe", "GlmOcr", "GotOcr2", "GraniteDocling", "Idefics2",
        "Idefics3", "InternVL", "Janus", "Lfm2Vl", "LightOnOcr", "Llama4", "Llava", "LlavaNext", "LlavaNextVideo",
        "LlavaOnevision", "MiniCPMV4_6", "Mistral3", "Mllama", "Molmo2", "Ovis2", "PaddleOCRVL", "PaliGemma",
        "PerceptionLM", "QianfanOCR", "Qwen2_5_VL", "Qwen2VL", "Qwen3_5", "Qwen3_5Moe", "Qwen3VL", "Qwen3VLMoe",
        "SmolVLM", "VideoLlama3", "VipLlava",
    )
)  # fmt: skip
"""What answers chats with images; each is compared with its own `generate` in tests."""
READING = ("optical-character-recognition=vision/paddle-ocr",)
FLORENCE = "Florence2ForConditionalGeneration"
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


def _family(
    name: str,
    task: str,
    loader: str,
    summary: str,
    *architectures: str,
    limits: str = "",
    uses: tuple[str, ...] = (),
) -> ModelSpec:
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


def _dual_encoder(task: str, loader: str) -> ModelSpec:
    return _family("transformers", task, f"auto:{loader}", "any checkpoint of CLIP, SigLIP or their kin", *DUAL)


def _florence() -> tuple[ModelSpec, ...]:
    """One network, and a mark for each task."""
    said = "no scores: each has 1, and a threshold leaves nothing out"
    return tuple(
        _family("florence2", task, f"florence:Florence{loader}", f"Florence-2: {what}", FLORENCE, limits=limits)
        for task, loader, what, limits in (
            ("image-captioning", "Captioner", "a sentence about an image", "one short sentence"),
            ("object-detection", "Detector", "things that it names itself, with boxes", said),
            ("optical-character-recognition", "Reader", "lines of print with their corners", said),
        )
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
            _family(
                "read-and-answer",
                "document-question-answering",
                "documents:ReadAndAnswer",
                "a page is read, then any checkpoint for extractive question answering answers",
                "*ForQuestionAnswering",
                *(f"!{name}*" for name in ("Blip", "LayoutLM", "Lilt", "MarkupLM", "Tapas", "Vilt")),
                uses=READING,
                limits="reads lines across the page, row by row; what only the layout says is lost",
            ),
            _family(
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
            _family(
                "donut",
                "document-question-answering",
                "donut:DonutAnswerer",
                "Donut: looks at a page and writes the answer, without reading its print first",
                "VisionEncoderDecoderModel",
                limits="one answer, and no place on the page; languages and layouts that it was trained on",
            ),
            _family(
                "donut",
                "document-parsing",
                "donut:DonutParser",
                "Donut: looks at a receipt or a form and writes its fields, without reading its print first",
                "VisionEncoderDecoderModel",
                limits="fields, languages and layouts that it was trained on; no place on the page",
            ),
            _family(
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
            _family(
                "layoutlm",
                "document-classification",
                "pages:PageClassifier",
                "LayoutLMv3: the looks of a page, its print, and where that stands",
                "LayoutLMv3ForSequenceClassification",
                uses=READING,
                limits="of the print of a page, the first 510 tokens count",
            ),
            _family(
                "captioner",
                "image-captioning",
                "captions:Captioner",
                "BLIP, BLIP-2, GIT or an encoder-decoder of image and text (ViT with GPT-2, TrOCR for lines)",
                "Blip2ForConditionalGeneration",
                "BlipForConditionalGeneration",
                "GitForCausalLM",
                "VisionEncoderDecoderModel",
                limits="says what images like those it was trained on show; it makes things up on others",
            ),
            _family(
                "captioner",
                "handwriting-recognition",
                "captions:LineReader",
                "TrOCR: one line of handwriting or print",
                "VisionEncoderDecoderModel",
                limits="reads one line that was cut out of its page; of a whole page it makes nonsense",
            ),
            _family(
                "chat",
                "image-text-to-text",
                "chat:ImageChatter",
                "answers to chats with images: LLaVA, Qwen-VL, SmolVLM, InternVL, Gemma, Mistral and their kin",
                *CHATTING,
                limits="chats of unlike shapes, and those that are sampled, go through one by one; PaliGemma takes one "
                "prompt about an image, and no chat; GOT-OCR 2.0 ('OCR', page) or ('OCR with format', page)",
            ),
            _family(
                "blip-matching",
                "image-text-retrieval",
                "matching:TextMatcher",
                "BLIP, reading each text while it looks at the image",
                "BlipForImageTextRetrieval",
                limits="every text is read for every image: for thousands of texts use image-search",
            ),
            _family(
                "clipseg",
                "text-image-segmentation",
                "outlining:Outliner",
                "CLIPSeg: masks of things that are named on the spot",
                "CLIPSegForImageSegmentation",
                limits="outlines are coarse: maps of 352 pixels a side, brought to the size of the image",
            ),
            _family(
                "sam3",
                "text-image-segmentation",
                "concepts:ConceptOutliner",
                "SAM 3: masks of all things of a name",
                "Sam3Model",
                "Sam3VideoModel",
                limits="one mask for all things of a name; names of at most 32 tokens, one a pass",
            ),
            _family(
                "vilt",
                "visual-question-answering",
                "vqa:VisualQuestionAnswerer",
                "any ViLT checkpoint for visual question answering",
                "ViltForQuestionAnswering",
                limits="chooses among the answers it was trained on; questions of at most 40 tokens",
            ),
            _family(
                "blip-answering",
                "visual-question-answering",
                "asking:AnswerWriter",
                "BLIP for visual question answering: writes its answer",
                "BlipForQuestionAnswering",
                limits="writes one answer, whatever top_k says; its score is the probability of its tokens",
            ),
            _family(
                "blip2-answering",
                "visual-question-answering",
                "prompting:PromptedAnswerer",
                "BLIP-2 or InstructBLIP for visual question answering: goes on after the question",
                "Blip2ForConditionalGeneration",
                "InstructBlipForConditionalGeneration",
                limits="writes one answer, whatever top_k says; its score is the probability of its tokens",
            ),
            *_florence(),
            *_gato(
                "reinforcement-learning",
                "Actor",
                "what to do next, in environments that it has seen",
                "duomo_multimodal.gato.training:ActorTrainer",
            ),
            *_gato("image-captioning", "ImageDescriber", "words for an image"),
            *_gato("text-generation", "TextWriter", "a text goes on"),
            _dual_encoder("zero-shot-image-classification", "DualEncoderZeroShot"),
            _dual_encoder("multimodal-embedding", "DualEncoderEmbed"),
            _dual_encoder("image-search", "DualEncoderSearch"),
            _family(
                "late-interaction",
                "image-search",
                "late_interaction:PageSearch",
                "ColPali or ColQwen2: pages that answer a question, without reading their print first",
                "ColPaliForRetrieval",
                "ColQwen2ForRetrieval",
                limits="a score is a sum over the tokens of a question: compare those of one question; pages take some "
                "hundred times the memory of images, and each takes a pass of a language model",
            ),
        )

    @hookimpl
    def register_commands(self) -> Iterable[CommandSpec]:
        return (CommandSpec("demo", "duomo_multimodal.demo.command:demo", "see, read, hear, speak and find, offline"),)


plugin = Multimodal()
