"""The part of the site that is made from the repository: the reference, the examples and the pages outside docs/.

MkDocs calls the functions whose names begin with `on_` (see `hooks` in mkdocs.yml).
"""

import ast
import importlib
import inspect
import pkgutil
import posixpath
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/duomo-ai/duomo"

PUBLIC = [
    *(
        "adapters",
        "adapters.statistics",
        "client",
        "config",
        "decoders",
        "errors",
        "execution",
        "export",
        "folders",
        "generating",
        "imaging",
        "inputs",
        "live",
        "inputs.live",
        "model",
        "parallel",
    ),
    *("pretrained", "serving", "tasks", "testing", "training", "vocabulary", "weights", "writers"),
]
"""The public modules below `duomo`, a page each."""

FROM_THE_ROOT = {
    "README.md": "overview.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
}
"""Files of the repository that are pages of the site."""


def sources() -> dict[str, str]:
    """The file or folder of the repository behind each page that does not lie in docs/, by path; gives the page."""
    found = {name: page for name, page in FROM_THE_ROOT.items() if (ROOT / name).exists()}
    for path in sorted(ROOT.glob("plugins/*/README.md")):
        found[f"plugins/{path.parent.name}/README.md"] = f"packages/{path.parent.name}.md"
    for path in sorted(ROOT.glob("examples/*/README.md")):
        found[f"examples/{path.parent.name}/README.md"] = f"examples/{path.parent.name}.md"
    for path in sorted(ROOT.glob("examples/*.py")):
        found[f"examples/{path.name}"] = f"examples/{path.stem}.md"
    return found


SOURCES = sources()
FOLDERS = {"docs": "index.md", "docs/decisions": "decisions/index.md", "examples": "examples/index.md"}
ORIGINS = {page: name for name, page in SOURCES.items()}


def page_of(path: str) -> str | None:
    """The page that shows a file or folder of the repository; None if there is none."""
    if path in FOLDERS:
        return FOLDERS[path]
    if path.startswith("docs/") and path.endswith(".md"):
        return path.removeprefix("docs/")
    return SOURCES.get(path) or SOURCES.get(f"{path}/README.md")


def relinked(markdown: str, page: str) -> str:
    """Point the links that are right in the repository to pages of the site, or to the repository's own."""
    here = posixpath.dirname(ORIGINS.get(page, f"docs/{page}"))

    def link(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(here, target))
        shown = page_of(path)
        if shown is None:
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            return f"]({REPOSITORY}/{kind}/main/{path}{anchor})"
        return f"]({posixpath.relpath(shown, posixpath.dirname(page) or '.')}{anchor})"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [re.sub(r"\]\(([^)#\s]+)(#[^)\s]*)?\)", link, part) for part in parts[::2]]
    return "".join(parts)


# --- the examples


def title_of(stem: str) -> str:
    """What an example is called on its page."""
    return stem.replace("_", " ").capitalize()


def example_page(path: Path) -> str:
    """A page with what the example says of itself, its code, and how to run it."""
    source = path.read_text("utf-8")
    words = ast.get_docstring(ast.parse(source)) or ""
    code = source.split('"""', 2)[2].strip()
    run = f"python examples/{path.name}"
    return f"# {title_of(path.stem)}\n\n{words}\n\n```python\n{code}\n```\n\nRun it:\n\n```console\n$ {run}\n```\n"


def gallery() -> str:
    """A page with a card for each example."""
    lines = ["# Examples", "", "Short programs. The tests run each of them.", "", '<div class="grid cards" markdown>']
    for path in sorted(ROOT.glob("examples/*.py")):
        words = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")[0]
        lines += ["", f"-   **[{title_of(path.stem)}]({path.stem}.md)**", "", f"    {' '.join(words.split())}"]
    for path in sorted(ROOT.glob("examples/*/README.md")):
        first = re.sub(r"^#.*\n+", "", path.read_text("utf-8")).partition("\n\n")[0]
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(first.split()))
        lines += ["", f"-   **[{path.parent.name}]({path.parent.name}.md)**", "", f"    {words}"]
    return "\n".join([*lines, "", "</div>", ""])


# --- the reference


def home_of(module: ModuleType, name: str) -> str | None:
    """The full path of the definition that a public name stands for; None for what is not ours to describe."""
    value: Any = getattr(module, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        home = str(getattr(value, "__module__", ""))
        return f"{home}.{value.__qualname__}" if home.partition(".")[0] == "duomo" else None
    if inspect.ismodule(value) or name not in getattr(module, "__all__", ()):
        return None
    return f"{getattr(module, '_WHERE', {}).get(name, module.__name__)}.{name}"


def names_of(module: ModuleType) -> dict[str, str]:
    """The public names of a module with the paths of their definitions: `__all__`, or what it defines itself."""
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [name for name in dir(module) if name[0] != "_" and name.isidentifier()]
    found = {name: home for name in names if (home := home_of(module, name))}
    if listed is None:
        found = {name: home for name, home in found.items() if home.startswith(f"{module.__name__}.")}
    return found


def modules_of(name: str) -> list[ModuleType]:
    """A public module; with the modules inside it where these are public too."""
    module = importlib.import_module(f"duomo.{name}")
    if name != "tasks":
        return [module]
    inside = pkgutil.walk_packages(module.__path__, f"{module.__name__}.")
    return [module, *(importlib.import_module(each.name) for each in inside if "._" not in each.name)]


def entry(path: str, heading: str) -> str:
    """The line that mkdocstrings replaces by the description of an object."""
    return f"::: {path}\n    options:\n      heading: {heading}\n      toc_label: {heading}\n"


def reference() -> dict[str, str]:
    """The pages of the reference: what each holds is described once, on the page of the narrowest module."""
    if str(ROOT / "sdk") not in sys.path:
        sys.path.insert(0, str(ROOT / "sdk"))
    pages, shown = {}, set()
    for name in PUBLIC:
        text = []
        for module in modules_of(name):
            for public, path in names_of(module).items():
                if path not in shown:
                    shown.add(path)
                    text.append(entry(path, f"{module.__name__}.{public}".removeprefix(f"duomo.{name}.")))
        words = inspect.getdoc(importlib.import_module(f"duomo.{name}")) or ""
        pages[f"reference/{name}.md"] = "\n".join([f"# duomo.{name}", "", first_words(words), "", *text])
    pages["reference/index.md"] = front(shown)
    return pages


def first_words(docstring: str) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(docstring.partition("\n\n")[0].split())


def front(shown: set[str]) -> str:
    """The page of `duomo` itself: a table of its names, and a description of those no other page has."""
    import duomo

    names = names_of(duomo)
    lines = ["# duomo", "", first_words(duomo.__doc__ or ""), "", "| module | what lives there |", "|---|---|"]
    for name in PUBLIC:
        words = first_words(inspect.getdoc(importlib.import_module(f"duomo.{name}")) or "")
        lines.append(f"| [duomo.{name}]({name}.md) | {words.replace('|', chr(92) + '|')} |")
    lines += ["", "| name | what it is |", "|---|---|"]
    for name, path in names.items():
        words = first_words(inspect.getdoc(getattr(duomo, name)) or "").replace("|", "\\|")
        lines.append(f"| [`{name}`][{path}] | {words} |")
    return "\n".join([*lines, "", *(entry(path, name) for name, path in names.items() if path not in shown)])


# --- what MkDocs calls


def decisions() -> dict[str, str]:
    """The decisions' pages by title."""
    paths = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    return {path.read_text("utf-8").partition("\n")[0].lstrip("# "): f"decisions/{path.name}" for path in paths}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add to the navigation what is found rather than listed."""
    packages = [page for page in ORIGINS if page.startswith("packages/")]
    examples = [page for page in ORIGINS if page.startswith("examples/")]
    modules = [{f"duomo.{name}": f"reference/{name}.md"} for name in PUBLIC]
    assert config.nav is not None
    *first, project = config.nav
    first.append({"Packages": [{f"duomo-{Path(page).stem}": page} for page in packages]})
    first.append({"Examples": ["examples/index.md", *examples]})
    first.append({"API": ["reference/index.md", *modules]})
    project["Project"].append({"Decisions": ["decisions/index.md", *decisions().values()]})
    config.nav = [*first, project]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {"examples/index.md": gallery(), **reference()}
    made["decisions/index.md"] = "# Decisions\n\n" + "".join(
        f"- [{title}]({Path(page).name})\n" for title, page in decisions().items()
    )
    for name, page in SOURCES.items():
        path = ROOT / name
        made[page] = example_page(path) if path.suffix == ".py" else path.read_text("utf-8")
    for page, content in made.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Make the links fit."""
    uri = page.file.src_uri
    return markdown if uri.startswith(("reference/", "examples/index", "decisions/index")) else relinked(markdown, uri)
