"""What happens in a video, by the classifiers of transformers: VideoMAE, TimeSformer, ViViT, V-JEPA 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from transformers import AutoModelForVideoClassification, AutoVideoProcessor

from duomo import WeightsRef
from duomo.errors import BadInput
from duomo.inputs import Video
from duomo.model import Features
from duomo.pretrained import is_multi_label, labels_of, load_network, load_processor
from duomo.tasks.results import Label
from duomo.tasks.vision.video import VideoClassificationOptions, VideoLabels
from duomo_vision.dense import Group, Grouped, Output

if TYPE_CHECKING:
    import torch

VIDEOS = "pixel_values_videos"
"""What V-JEPA 2 calls its input; its frames are prepared by a video processor."""


class VideoClassifier(Grouped[Video, VideoLabels]):
    """As many frames as the checkpoint was trained on; scores sum to 1, unless it is multi-label."""

    auto = AutoModelForVideoClassification
    batch_size = 4

    def configure(self, weights: WeightsRef) -> None:
        config = self.network.config
        self.names = labels_of(config)
        self.is_multi_label = is_multi_label(weights, config, "video-classification")
        self.takes_videos: bool = self.network.main_input_name == VIDEOS
        self.num_frames: int = config.frames_per_clip if self.takes_videos else config.num_frames

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor, whole; raises `WeightsProblem` for what cannot be used."""
        if weights.config().get("model_type") != "vjepa2":
            return super().load(weights, device=device, dtype=dtype)
        network = load_network(cls.auto, weights, dtype=dtype).to(device)
        return cls(network, load_processor(AutoVideoProcessor, weights, "video processor"), weights)

    def inputs(self, group: Group) -> dict[str, Any]:
        """What the network takes, under its own name."""
        inputs = super().inputs(group)
        return {VIDEOS: inputs["pixel_values"]} if self.takes_videos else inputs

    def prepare(self, item: Video, options: VideoClassificationOptions) -> Features:
        if options.sampling == "even":
            clip, is_cut = item.spread(self.num_frames), False
        else:
            clip = item.first(self.num_frames, options.step)
            is_cut = clip.total > (self.num_frames - 1) * options.step + 1
            if len(clip.frames) < self.num_frames:
                called = f"'{item.name}'" if item.name else "this video"
                raise BadInput(
                    f"{called} has {clip.total} frames and the model looks at {self.num_frames}, {options.step} apart",
                    why="what is not there cannot be looked at",
                    fix="sampling=even looks at some frames twice, or lower step",
                )
        # Left to guess, a processor takes three rows of pixels for three channels.
        own = {"do_sample_frames": False} if self.takes_videos else {}
        prepared = self.processor(clip.frames, input_data_format="channels_last", return_tensors="pt", **own)
        return {
            "inputs": {"pixel_values": prepared[VIDEOS if self.takes_videos else "pixel_values"]},
            "size": clip.times,
            "truncated": is_cut,
        }

    def results(
        self, output: Output, sizes: list[list[float]], options: VideoClassificationOptions
    ) -> list[VideoLabels]:
        logits = output.logits
        scores = logits.sigmoid() if self.is_multi_label else logits.softmax(-1)
        best, places = scores.topk(min(options.top_k or len(self.names), len(self.names)))
        return [
            VideoLabels.model_construct(
                labels=[
                    Label.model_construct(name=self.names[place], score=score)
                    for place, score in zip(row, values, strict=True)
                ],
                times=times,
            )
            for row, values, times in zip(places.tolist(), best.tolist(), sizes, strict=True)
        ]
