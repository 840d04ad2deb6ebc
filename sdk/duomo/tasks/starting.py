"""What to name for a task that no installed package carries weights for."""

START = {
    "audio-classification": "MIT/ast-finetuned-audioset-10-10-0.4593",
    "depth-estimation": "depth-anything/Depth-Anything-V2-Small-hf",
    "document-classification": "microsoft/dit-base-finetuned-rvlcdip",
    "document-parsing": "naver-clova-ix/donut-base-finetuned-cord-v2",
    "document-question-answering": "deepset/minilm-uncased-squad2",
    "dialogue": "facebook/blenderbot_small-90M",
    "fill-mask": "answerdotai/ModernBERT-base",
    "handwriting-recognition": "microsoft/trocr-base-handwritten",
    "image-captioning": "Salesforce/blip-image-captioning-base",
    "image-matting": "hustvl/vitmatte-small-composition-1k",
    "image-text-retrieval": "Salesforce/blip-itm-base-coco",
    "image-text-to-text": "Qwen/Qwen2-VL-2B-Instruct",
    "instance-segmentation": "facebook/mask2former-swin-tiny-coco-instance",
    "keypoint-detection": "magic-leap-community/superpoint",
    "keypoint-matching": "ETH-CVG/lightglue_superpoint",
    "mask-generation": "facebook/sam-vit-base",
    "object-detection": "PekingU/rtdetr_r18vd",
    "panoptic-segmentation": "facebook/mask2former-swin-tiny-coco-panoptic",
    "pose-estimation": "usyd-community/vitpose-base-simple",
    "question-answering": "deepset/minilm-uncased-squad2",
    "semantic-segmentation": "nvidia/segformer-b0-finetuned-ade-512-512",
    "summarization": "facebook/bart-large-cnn",
    "super-resolution": "caidas/swin2SR-classical-sr-x2-64",
    "text-pair-classification": "cross-encoder/nli-MiniLM2-L6-H768",
    "text-regression": "cross-encoder/ms-marco-MiniLM-L6-v2",
    "text-image-segmentation": "CIDAS/clipseg-rd64-refined",
    "table-question-answering": "google/tapas-base-finetuned-wtq",
    "text-ranking": "cross-encoder/ms-marco-MiniLM-L6-v2",
    "text2text-generation": "google/flan-t5-small",
    "text-pair-regression": "cross-encoder/stsb-roberta-base",
    "multiple-choice": "LIAMF-USP/roberta-large-finetuned-race",
    "next-sentence-prediction": "google-bert/bert-base-uncased",
    "token-classification": "dslim/bert-base-NER",
    "translation": "facebook/nllb-200-distilled-600M",
    "video-classification": "MCG-NJU/videomae-base-finetuned-kinetics",
    "visual-question-answering": "dandelin/vilt-b32-finetuned-vqa",
    "zero-shot-audio-classification": "laion/clap-htsat-unfused",
    "forced-alignment": "facebook/wav2vec2-base-960h",
    "audio-tokenization": "facebook/encodec_24khz",
    "zero-shot-object-detection": "google/owlvit-base-patch32",
}
"""Checkpoints of the hub to start with, by task. Tasks that are missing here have none."""
MADE = {
    "optical-flow": "duomo_vision.raft.save",
    "source-separation": "duomo_speech.separation.save",
}
"""Functions that write a folder for a task whose weights are on no hub."""


def advice(task: str) -> str:
    """Say what to type for `task`."""
    if task in START:
        return f'name a checkpoint, such as -m hf:{START[task]} (model="hf:{START[task]}"), or a folder: -m dir:PATH'
    if task in MADE:
        return f'-m dir:PATH (model="dir:PATH") of a folder that {MADE[task]} wrote'
    return 'name a checkpoint: model="hf:org/name" or "dir:PATH" (-m hf:org/name or -m dir:PATH)'
