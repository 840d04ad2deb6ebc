"""Tasks on images."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import IMAGES, VIDEOS, row

if TYPE_CHECKING:
    from duomo.tasks.results import (
        Classification as Classification,
        Embedding as Embedding,
    )
    from duomo.tasks.vision.anomaly import *
    from duomo.tasks.vision.classification import *
    from duomo.tasks.vision.codes import *
    from duomo.tasks.vision.depth import *
    from duomo.tasks.vision.detection import *
    from duomo.tasks.vision.enhancing import *
    from duomo.tasks.vision.faces import *
    from duomo.tasks.vision.flow import *
    from duomo.tasks.vision.keypoints import *
    from duomo.tasks.vision.reading import *
    from duomo.tasks.vision.segmentation import *
    from duomo.tasks.vision.video import *

TASKS = (
    row("image-classification", "vision.classification", "what is in an image", IMAGES, "cat.jpg"),
    row("image-feature-extraction", "vision.classification", "an image as a vector", IMAGES, "cat.jpg"),
    row("face-detection", "vision.detection", "where the faces are", IMAGES, "people.jpg"),
    row("face-landmarks", "vision.faces", "where eyes, nose and mouth of each face are", IMAGES, "people.jpg"),
    row("object-detection", "vision.detection", "which things are in an image, and where", IMAGES, "cat.jpg"),
    row(
        "zero-shot-object-detection",
        "vision.detection",
        "where things are that are named on the spot",
        IMAGES,
        'cat.jpg -m dir:PATH -p labels="a cat,a sofa"',
    ),
    row("semantic-segmentation", "vision.segmentation", "a label for each pixel", IMAGES, "street.jpg -m dir:PATH"),
    row("instance-segmentation", "vision.segmentation", "a mask for each thing", IMAGES, "street.jpg -m dir:PATH"),
    row(
        "panoptic-segmentation",
        "vision.segmentation",
        "a mask for each thing and each kind of stuff",
        IMAGES,
        "street.jpg -m dir:PATH",
    ),
    row("person-segmentation", "vision.segmentation", "where the people are", IMAGES, "me.jpg"),
    row("depth-estimation", "vision.depth", "how far away things are", IMAGES, "street.jpg -m dir:PATH"),
    row("pose-estimation", "vision.keypoints", "how bodies are placed", IMAGES, "runner.jpg"),
    row(
        "keypoint-detection",
        "vision.keypoints",
        "places that can be found again on other images",
        IMAGES,
        "tower.jpg -m dir:PATH",
    ),
    row(
        "keypoint-matching",
        "vision.keypoints",
        "the same places on two images",
        item='{"image": "left.jpg", "image_pair": "right.jpg"}',
    ),
    row(
        "optical-flow",
        "vision.flow",
        "where each pixel of one image has gone on the next",
        item='{"image": "first.jpg", "image_pair": "second.jpg"}',
    ),
    row(
        "mask-generation",
        "vision.segmentation",
        "the outline of what lies in a box or at a point",
        suffixes=IMAGES,
        item='{"image": "cat.jpg", "boxes": [[20, 30, 200, 180]]}',
    ),
    row("super-resolution", "vision.enhancing", "an image with more pixels", IMAGES, "small.png -O large.png"),
    row(
        "image-matting",
        "vision.enhancing",
        "how much of each pixel is foreground",
        item='{"image": "hair.jpg", "trimap": "trimap.png"}',
    ),
    row("optical-character-recognition", "vision.reading:CharacterRecognition", "read a page", IMAGES, "page.png"),
    row("video-classification", "vision.video", "what happens in a video", VIDEOS, "goal.mp4 -m dir:PATH"),
    row(
        "image-anomaly-detection",
        "vision.anomaly",
        "whether an image is unlike good ones of its kind",
        IMAGES,
        "part.jpg -p good=photos/",
    ),
    row("page-orientation", "vision.reading", "how a page is turned", IMAGES, "page.png"),
    row("barcode-reading", "vision.codes", "read barcodes and matrix codes", IMAGES, "ticket.png"),
    row("handwriting-recognition", "vision.reading", "read a line of handwriting", IMAGES, "line.png -m dir:PATH"),
)

face(
    __name__,
    {
        "duomo.tasks.vision.anomaly": "ImageAnomaly ImageAnomalyDetection ImageAnomalyDetectionOptions",
        "duomo.tasks.vision.classification": "ImageClassification"
        " ImageClassificationOptions ImageFeatureExtraction ImageFeatureExtractionOptions",
        "duomo.tasks.vision.codes": "BarcodeReading BarcodeReadingOptions Code Codes",
        "duomo.tasks.vision.depth": "DepthEstimation DepthEstimationOptions DepthMap",
        "duomo.tasks.vision.detection": "Box Detections FaceDetection FaceDetectionOptions ObjectDetection"
        " ObjectDetectionOptions ZeroShotObjectDetection ZeroShotObjectDetectionOptions",
        "duomo.tasks.vision.enhancing": "ImageMatting ImageMattingOptions Picture SuperResolution"
        " SuperResolutionOptions",
        "duomo.tasks.vision.faces": "FaceLandmarks FaceLandmarksOptions LandmarkedFace LandmarkedFaces",
        "duomo.tasks.vision.flow": "Flow OpticalFlow OpticalFlowOptions",
        "duomo.tasks.vision.keypoints": "Joint Keypoint KeypointDetection KeypointDetectionOptions KeypointMatching"
        " KeypointMatchingOptions Keypoints Match Matches Point Pose PoseEstimation PoseEstimationOptions Poses",
        "duomo.tasks.vision.reading": "CharacterRecognition CharacterRecognitionOptions Handwriting"
        " HandwritingRecognition HandwritingRecognitionOptions Orientation Page PageOrientation"
        " PageOrientationOptions TextLine",
        "duomo.tasks.vision.segmentation": "InstanceSegmentation InstanceSegmentationOptions Mask MaskGeneration"
        " MaskGenerationOptions PanopticSegmentation PersonSegmentation PersonSegmentationOptions"
        " Segmentation SemanticSegmentation SemanticSegmentationOptions",
        "duomo.tasks.vision.video": "VideoClassification VideoClassificationOptions VideoLabels",
        "duomo.tasks.results": "Classification Embedding",
    },
)
