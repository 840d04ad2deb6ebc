"""Which checkpoints of transformers serve which task of this plugin; nothing heavy is imported here."""

from typing import Any

DETECTORS = tuple(
    f"{name}ForObjectDetection"
    for name in (
        "ConditionalDetr", "DFine", "DabDetr", "DeformableDetr", "Deimv2", "Detr", "LwDetr", "PPDocLayoutV2",
        "PPDocLayoutV3", "RTDetr", "RTDetrV2", "RfDetr", "TableTransformer", "Yolos",
    )
)  # fmt: skip
"""Detectors of a fixed set of labels; ``*ForObjectDetection`` would also claim those that are given what to find."""
UNIVERSAL = (
    "DetrForSegmentation",
    "EomtDinov3ForUniversalSegmentation",
    "EomtForUniversalSegmentation",
    "Mask2FormerForUniversalSegmentation",
    "MaskFormerForInstanceSegmentation",
)
"""Segmenters that do all three kinds."""
SEMANTIC = ("*ForSemanticSegmentation", "!Sapiens2*", "!Tipsv2*")
"""Segmenters of pixels, but for those whose processors are not tried here."""
POOLED = tuple(
    f"{name}Model"
    for name in (
        "Aimv2Vision", "Beit", "Bit", "CLIPVision", "ConvNext", "ConvNextV2", "DINOv3ConvNext", "DINOv3ViT",
        "DeiT", "Dinov2", "Dinov2WithRegisters", "EfficientNet", "FocalNet", "Hiera",
        "Levit", "MobileNetV1", "MobileNetV2", "MobileViT", "MobileViTV2", "RegNet", "ResNet", "SiglipVision", "Swin",
        "Swinv2", "ViT",
    )
)  # fmt: skip
"""Encoders whose network ends in one vector an image; ``*Model`` would claim those of text, too."""
UNPOOLED = tuple(
    f"{name}Model"
    for name in ("Data2VecVision", "IJepa", "ImageGPT", "PoolFormer", "Pvt", "PvtV2", "Segformer", "SwiftFormer",
                 "ViTMAE", "ViTMSN")
)  # fmt: skip
"""Encoders that end in many vectors an image; they are refused with that reason."""
SCIPY = ("scipy>=1.11",)
"""What ViTPose's image processor cuts boxes out with (the extra ``pose``)."""


def _family(
    loader: str, what: str, *architectures: str, limits: str = "", requires: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "loader": f"duomo_vision.{loader}",
        "summary": f"any {what} in transformers format",
        "architectures": architectures,
        "limits": limits,
        "requires": requires,
        "tags": ("export",) if loader == "detecting:ObjectDetector" else (),
    }


FAMILIES: dict[str, dict[str, Any]] = {
    "image-feature-extraction": _family(
        "features:ImageEncoder",
        "image encoder",
        *POOLED,
        *UNPOOLED,
        limits="the vector that the network pools itself (pooler_output); encoders without one are refused",
    ),
    "object-detection": _family(
        "detecting:ObjectDetector",
        "detector of its own labels",
        *DETECTORS,
        limits="of PP-DocLayout the boxes, not their outlines or reading order",
    ),
    "zero-shot-object-detection": _family(
        "detecting:OwlDetector",
        "OWL-ViT or OWLv2",
        "OwlViTForObjectDetection",
        "Owlv2ForObjectDetection",
        limits="labels of at most 16 tokens",
    ),
    "semantic-segmentation": _family(
        "segmenting:SemanticSegmenter",
        "semantic or universal segmenter",
        *SEMANTIC,
        *UNIVERSAL,
        limits="where a checkpoint cuts out the middle (MobileNetV2, MobileViT), the whole image is squeezed instead",
    ),
    "instance-segmentation": _family(
        "segmenting:InstanceSegmenter", "universal segmenter", "RfDetrForInstanceSegmentation", *UNIVERSAL
    ),
    "panoptic-segmentation": _family("segmenting:PanopticSegmenter", "universal segmenter", *UNIVERSAL),
    "person-segmentation": _family(
        "segmenting:PersonSegmenter",
        "semantic or universal segmenter with a label person",
        *SEMANTIC,
        *UNIVERSAL,
        limits="the most likely label of each pixel: no threshold",
    ),
    "depth-estimation": _family(
        "depth:DepthEstimator",
        "depth estimator",
        "DPTForDepthEstimation",
        "DepthAnythingForDepthEstimation",
        "DepthProForDepthEstimation",
        "GLPNForDepthEstimation",
        "ZoeDepthForDepthEstimation",
        limits="most give a relative depth, not metres",
    ),
    "pose-estimation": _family(
        "poses:PoseEstimator",
        "ViTPose",
        "VitPoseForPoseEstimation",
        limits="one body a box; without boxes the whole image is taken for one body",
        requires=SCIPY,
    ),
    "keypoint-detection": _family("keypoints:KeypointDetector", "SuperPoint", "SuperPointForKeypointDetection"),
    "keypoint-matching": _family(
        "keypoints:KeypointMatcher",
        "EfficientLoFTR, LightGlue or SuperGlue",
        "EfficientLoFTRForKeypointMatching",
        "LightGlueForKeypointMatching",
        "SuperGlueForKeypointMatching",
        limits="one pair a pass: pairs of a batch would change each other's scores",
    ),
    "mask-generation": _family(
        "masking:MaskGenerator",
        "SAM, SAM-HQ, SAM 2, EdgeTAM or the tracker of SAM 3",
        "SamModel",
        "SamHQModel",
        "Sam2Model",
        "Sam2VideoModel",
        "EdgeTamModel",
        "EdgeTamVideoModel",
        "Sam3TrackerModel",
        limits="names nothing; one image a pass; of SAM 3 the part that takes boxes and points, and no words",
    ),
    "super-resolution": _family(
        "enhancing:SuperResolver",
        "Swin2SR",
        "Swin2SRForImageSuperResolution",
        limits="large images go through whole, and take memory by their area",
    ),
    "video-classification": _family(
        "videos:VideoClassifier",
        "video classifier",
        "VideoMAEForVideoClassification",
        "TimesformerForVideoClassification",
        "VJEPA2ForVideoClassification",
        "VivitForVideoClassification",
        limits="looks at the 8 to 64 frames that the checkpoint was trained on, however long the video is",
        requires=("av>=14",),
    ),
    "document-classification": _family(
        "auto:DocumentClassifier",
        "DiT",
        "BeitForImageClassification",
        limits="looks at the page as an image of 224 pixels a side and reads nothing",
    ),
    "image-matting": _family("enhancing:Matter", "ViTMatte", "VitMatteForImageMatting"),
}
"""What each task's spec has in place of image classification's."""
GROUNDED: dict[str, Any] = _family(
    "grounding:GroundedDetector",
    "Grounding DINO or MM Grounding DINO",
    "GroundingDinoForObjectDetection",
    "MMGroundingDinoForObjectDetection",
    limits="one label a box, the surest; labels of 256 tokens together, without full stops; a threshold of 0.25 to "
    "0.4 is usual",
)
"""The same for its second family of zero-shot object detection."""
OMDET: dict[str, Any] = _family(
    "omdet:OmDetector", "OmDet-Turbo", "OmDetTurboForObjectDetection", limits="labels of 77 tokens together"
)
"""A third family of zero-shot object detection."""
_ONEFORMER = "OneFormerForUniversalSegmentation"
ONEFORMER: dict[str, dict[str, Any]] = {
    "semantic-segmentation": _family("oneformer:OneFormerSemantic", "OneFormer", _ONEFORMER),
    "instance-segmentation": _family("oneformer:OneFormerInstances", "OneFormer", _ONEFORMER),
    "panoptic-segmentation": _family("oneformer:OneFormerPanoptic", "OneFormer", _ONEFORMER),
    "person-segmentation": _family(
        "oneformer:OneFormerPeople",
        "OneFormer with a label person",
        _ONEFORMER,
        limits="the most likely label of each pixel: no threshold",
    ),
}
"""One network for each kind of segmentation, by task."""
