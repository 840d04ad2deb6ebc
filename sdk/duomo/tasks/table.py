"""One row a task, without the task's class: listing tasks imports nothing heavy."""

from duomo.specs import TaskSpec

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus", ".m4a")
VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")
TEXTS = (".txt", ".md")


def row(name: str, cls: str, summary: str, suffixes: tuple[str, ...], example: str) -> TaskSpec:
    """Make the spec of a task whose class is ``modality.file:Class`` inside `duomo.tasks`."""
    modality = cls.partition(".")[0]
    return TaskSpec(name, f"duomo.tasks.{cls}", summary, modality, suffixes, f"duomo run {name} {example}")
