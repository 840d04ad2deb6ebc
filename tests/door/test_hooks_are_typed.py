"""An author's type checker finds a wrong hook before anybody runs it."""

import pytest

WRONG = """
from collections.abc import Iterable
from duomo import Hooks, ModelSpec, RunContext, hookimpl

class Birds(Hooks):
    @hookimpl
    def register_models(self) -> Iterable[str]:
        return ["birds/tiny"]

    @hookimpl
    def before_run(self, ctx: RunContext, extra: int) -> None: ...

    @hookimpl
    def register_tasks(self) -> list[ModelSpec]:
        return []

    @hookimpl
    def doctor_checks(self) -> tuple[()]:
        return ()
"""

SKIPPED = ("torch.*", "torchaudio.*", "transformers.*", "numpy.*", "PIL.*", "pydantic.*", "huggingface_hub.*")


@pytest.mark.slow
def test_mypy_finds_a_wrong_return_type_and_a_wrong_argument(tmp_path):
    from mypy import api

    file = tmp_path / "plugin.py"
    file.write_text(WRONG)
    config = tmp_path / "mypy.ini"
    # Reading the sources of torch and its like would take a minute, and no hook mentions them.
    config.write_text(f"[mypy]\nfollow_imports = silent\n[mypy-{','.join(SKIPPED)}]\nfollow_imports = skip\n")
    out, _, code = api.run([f"--config-file={config}", f"--cache-dir={tmp_path}", str(file)])
    assert code == 1
    lines = WRONG.splitlines()
    wrong = {lines[int(line.split(":")[1]) - 1].split()[1] for line in out.splitlines() if "error: " in line}
    assert wrong == {"register_models(self)", "before_run(self,", "register_tasks(self)"}, out
