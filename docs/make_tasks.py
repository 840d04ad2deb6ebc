"""Write docs/tasks.md from the tasks themselves; tests/docs compares the two."""

import typing
from pathlib import Path

import pydantic
from pydantic.fields import FieldInfo

from duomo.resolving import resolve
from duomo.specs import TaskSpec
from duomo.tasks import CORE_TASKS

PAGE = Path(__file__).with_name("tasks.md")
INPUTS = {
    "Audio": "an audio clip",
    "AudioPair": "two audio clips",
    "Candidates": "a query and the texts that may answer it",
    "Choices": "a question and the texts to choose among",
    "Episode": "what an agent has seen and done",
    "Comparison": "a text and the texts to compare it with",
    "Image": "an image",
    "ImageCandidates": "an image and the texts that may say what it shows",
    "ImageChat": "a chat in which images are shown",
    "ImagePair": "two images",
    "ImageQuestion": "a question and an image",
    "ImageTrimap": "an image and its trimap",
    "MarkedImage": "an image, and boxes or points on it",
    "Prompt": "a text or a chat",
    "Text": "a text",
    "TextOrImage": "a text or an image",
    "PageQuestion": "a question and the image of a page",
    "Question": "a question and the text that answers it",
    "TableRow": "a row of a table",
    "SpokenText": "an audio clip and its text",
    "Series": "numbers in even steps of time",
    "TableQuestion": "a question and a table",
    "TextPair": "two texts",
    "Video": "a video",
}
HEAD = """# Tasks

<!-- Made by docs/make_tasks.py; `make docs` writes it again. -->

What can be done, what goes in, which options there are and what comes back. [python.md](python.md) says what an
image, an audio clip or a text may be; `duomo tasks show NAME` prints the same with JSON schemas.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for modality in dict.fromkeys(task.modality for task in CORE_TASKS):
        parts.append(f"\n## {modality}\n")
        parts += [section(task) for task in CORE_TASKS if task.modality == modality]
    return "".join(parts)


def section(spec: TaskSpec) -> str:
    """One task."""
    task = resolve(spec.target)
    lines = [f"\n### {spec.name}\n", f"{spec.summary[0].upper()}{spec.summary[1:]}.", ""]
    lines += [f"- takes {INPUTS[task.Input.__name__]}", f"- gives `{task.Result.__name__}`: {fields(task.Result)}", ""]
    lines += ["```console", f"$ {spec.example}", "```", ""]
    options: dict[str, FieldInfo] = task.Options.model_fields
    if options:
        lines += ["| option | default | |", "|---|---|---|"]
        lines += [f"| `{name}` | {default(field)} | {field.description} |" for name, field in options.items()]
        lines.append("")
    return "\n".join(lines)


def fields(result: type[pydantic.BaseModel]) -> str:
    """The fields of a result, and of the results inside it, in one line."""
    return ", ".join(f"`{name}`{inner(field.annotation)}" for name, field in result.model_fields.items())


def inner(annotation: object) -> str:
    """The fields of the class a list holds, in brackets."""
    for part in typing.get_args(annotation):
        if isinstance(part, type) and issubclass(part, pydantic.BaseModel):
            return f" (of {', '.join(f'`{name}`' for name in part.model_fields)})"
    return ""


def default(field: FieldInfo) -> str:
    """What holds when an option is left out."""
    if field.is_required():
        return "required"
    return "" if field.default in (None, ()) else f"`{field.default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
