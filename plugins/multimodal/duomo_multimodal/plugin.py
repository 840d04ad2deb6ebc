"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import CommandSpec, Hooks, ModelSpec, hookimpl
from duomo_multimodal.families import PAGES, family

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
PIX2STRUCT = "Pix2StructForConditionalGeneration"
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


def _dual_encoder(task: str, loader: str) -> ModelSpec:
    return family("transformers", task, f"auto:{loader}", "any checkpoint of CLIP, SigLIP or their kin", *DUAL)


def _florence() -> tuple[ModelSpec, ...]:
    """One network, and a mark for each task."""
    said = "no scores: each has 1, and a threshold leaves nothing out"
    return tuple(
        family("florence2", task, f"florence:Florence{loader}", f"Florence-2: {what}", FLORENCE, limits=limits)
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
            *PAGES,
            family(
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
            family(
                "pix2struct",
                "image-captioning",
                "pix2struct:ScreenDescriber",
                "Pix2Struct: what an image, a screen or a chart shows",
                PIX2STRUCT,
                limits="of checkpoints that are asked nothing; says what images like those it was trained on show",
            ),
            family(
                "pix2struct",
                "visual-question-answering",
                "pix2struct:HeaderAnswerer",
                "Pix2Struct, and DePlot and MatCha, its kin: reads a question that is drawn above the image",
                PIX2STRUCT,
                limits="needs Arial.TTF in the folder or the hub's cache; writes one answer, whatever top_k says; its "
                "score is the probability of its tokens",
            ),
            family(
                "captioner",
                "handwriting-recognition",
                "captions:LineReader",
                "TrOCR: one line of handwriting or print",
                "VisionEncoderDecoderModel",
                limits="reads one line that was cut out of its page; of a whole page it makes nonsense",
            ),
            family(
                "chat",
                "image-text-to-text",
                "chat:ImageChatter",
                "answers to chats with images: LLaVA, Qwen-VL, SmolVLM, InternVL, Gemma, Mistral and their kin",
                *CHATTING,
                limits="chats of unlike shapes, and those that are sampled, go through one by one; PaliGemma takes one "
                "prompt about an image, and no chat; GOT-OCR 2.0 ('OCR', page) or ('OCR with format', page)",
            ),
            family(
                "blip-matching",
                "image-text-retrieval",
                "matching:TextMatcher",
                "BLIP, reading each text while it looks at the image",
                "BlipForImageTextRetrieval",
                limits="every text is read for every image: for thousands of texts use image-search",
            ),
            family(
                "clipseg",
                "text-image-segmentation",
                "outlining:Outliner",
                "CLIPSeg: masks of things that are named on the spot",
                "CLIPSegForImageSegmentation",
                limits="outlines are coarse: maps of 352 pixels a side, brought to the size of the image",
            ),
            family(
                "sam3",
                "text-image-segmentation",
                "concepts:ConceptOutliner",
                "SAM 3: masks of all things of a name",
                "Sam3Model",
                "Sam3VideoModel",
                limits="one mask for all things of a name; names of at most 32 tokens, one a pass",
            ),
            family(
                "vilt",
                "visual-question-answering",
                "vqa:VisualQuestionAnswerer",
                "any ViLT checkpoint for visual question answering",
                "ViltForQuestionAnswering",
                limits="chooses among the answers it was trained on; questions of at most 40 tokens",
            ),
            family(
                "blip-answering",
                "visual-question-answering",
                "asking:AnswerWriter",
                "BLIP for visual question answering: writes its answer",
                "BlipForQuestionAnswering",
                limits="writes one answer, whatever top_k says; its score is the probability of its tokens",
            ),
            family(
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
            family(
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
