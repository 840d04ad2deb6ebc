"""Write docs/coverage.md from the catalog of this repository's plugins; tests/docs compares the two."""

import ast
from collections.abc import Iterable
from pathlib import Path

from duomo.catalog import Catalog
from duomo.specs import ModelSpec, TaskSpec
from duomo.tasks import CORE_TASKS
from duomo.tasks.starting import MADE, START

PAGE = Path(__file__).with_name("coverage.md")
PLUGINS = ("vision", "nlp", "speech", "multimodal", "tabular")
HEAD = """# Coverage

<!-- Made by docs/make_coverage.py; `make docs` writes it again. -->

Each task, what runs it, and how that is tested. *Default* is the model that answers when none is named; where no
installed package carries weights, it is a checkpoint that you name: the one given here is a good start, and `hf:`
fetches it. *Pipeline* says whether transformers 5 has a pipeline for the task: yes, removed in version 5, or never.
Every model and every family passes the conformance suite (valid results, a batch equals one by one, faults stay with
their item); *equal to* is what its results are compared with besides, on the same tiny random checkpoint.
"""
PIPELINES = frozenset(
    """audio-classification automatic-speech-recognition depth-estimation document-question-answering
    table-question-answering
    feature-extraction fill-mask image-classification image-feature-extraction object-detection text-classification
    text-generation text-to-speech token-classification zero-shot-classification zero-shot-image-classification
    zero-shot-audio-classification
    video-classification image-text-to-text keypoint-matching mask-generation
    zero-shot-object-detection semantic-segmentation instance-segmentation panoptic-segmentation""".split()
)
REMOVED = frozenset(
    """image-captioning question-answering summarization super-resolution text2text-generation translation
    visual-question-answering""".split()
)
TRAINED = "train one: [training.md](training.md)"
TESTS = Path(__file__).parent.parent / "tests" / "plugins"
Comparisons = dict[str, list[tuple[str, str]]]
"""By task: what its results are compared with, and the file of the test below tests/plugins."""


def page() -> str:
    """The whole page."""
    specs = [spec for spec in Catalog().models if spec.plugin in PLUGINS]
    compared = comparisons()
    lines = [HEAD, "| task | models | families | default | pipeline | equal to |", "|---|---|---|---|---|---|"]
    return "\n".join(
        [*lines, *(line(task, [spec for spec in specs if spec.task == task.name], compared) for task in CORE_TASKS), ""]
    )


def line(task: TaskSpec, specs: list[ModelSpec], compared: Comparisons) -> str:
    """The row of one task."""
    own = [spec for spec in specs if not spec.is_family]
    pipeline = "yes" if task.name in PIPELINES else "removed" if task.name in REMOVED else "never"
    equal = "; ".join(f"[{said}](../tests/plugins/{test})" for said, test in compared.get(task.name, ()))
    start = f"`-m hf:{START[task.name]}`" if task.name in START else made(task.name)
    able = [spec for spec in own if "demonstration" not in spec.tags]
    default = f"`{able[0].name}`" if able else start
    cells = (f"`{task.name}`", names(own), names(spec for spec in specs if spec.is_family), default, pipeline, equal)
    return f"| {' | '.join(cells)} |"


def comparisons() -> Comparisons:
    """What the tests say that they compare, by their mark ``equals``."""
    found: Comparisons = {}
    for path in sorted(TESTS.glob("*/test_*.py")):
        for test in ast.walk(ast.parse(path.read_text("utf-8"))):
            for mark in test.decorator_list if isinstance(test, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.equals":
                    said, *tasks = (ast.literal_eval(each) for each in mark.args)
                    for task in tasks:
                        found.setdefault(task, []).append((said, path.relative_to(TESTS).as_posix()))
    return found


def made(task: str) -> str:
    """What makes a folder for a task that has no checkpoint on the hub."""
    return f"a folder that `{MADE[task]}` wrote" if task in MADE else TRAINED


def names(specs: Iterable[ModelSpec]) -> str:
    """Names of models, each once."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(spec.name for spec in specs))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
