"""One row a task, without the task's class: listing tasks imports nothing heavy."""

from duomo.specs import TaskSpec

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus", ".m4a")
VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")
TEXTS = (".txt", ".md")


def row(
    name: str, home: str, summary: str, suffixes: tuple[str, ...] = (), arguments: str = "-m dir:PATH", item: str = ""
) -> TaskSpec:
    """Make the spec of a task.

    Args:
        name: the task's name, which its class bears too: ``ImageClassification`` of ``image-classification``.
        home: ``modality.file`` inside `duomo.tasks`; ``modality.file:Class`` where the class has another name.
        summary: what the task does.
        suffixes: endings of the files that a folder is searched for.
        arguments: what follows the task's name in a command line that works.
        item: the JSON line that this command reads.
    """
    modality = home.partition(".")[0]
    target = home if ":" in home else f"{home}:{name.title().replace('-', '')}"
    line = f"--input-format jsonl - <<< '{item}'" if item else ""
    example = " ".join(filter(None, ("duomo run", name, arguments, line)))
    return TaskSpec(name, f"duomo.tasks.{target}", summary, modality, suffixes, example)
