"""A model as a folder that runs without torch: written, and compared with the original on real input.

    from duomo.export import export
    artifact = export("nlp/minilm", "minilm-onnx")
    duomo.load("feature-extraction", "dir:minilm-onnx")

The plugin ``duomo-edge`` reads such folders. `duomo.model.Portable` is what a model author gives.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.export.artifact import Artifact as Artifact
    from duomo.export.exporting import export as export

face(__name__, {"duomo.export.artifact": "Artifact", "duomo.export.exporting": "export"})
