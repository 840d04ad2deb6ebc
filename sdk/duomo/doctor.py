"""What is wrong with this installation, and how to fix it: one `Check` a line."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from duomo.catalog import Catalog
from duomo.config import cache_path, config_path, is_offline, load_config
from duomo.errors import DuomoError
from duomo.plugins.discovery import PluginRecord, unmet
from duomo.plugins.distributions import canonical, distributions
from duomo.plugins.ours import install_line
from duomo.plugins.selection import configured
from duomo.specs import Check, ModelSpec
from duomo.version import __version__

_AUTHOR = "report it to the plugin's author"


def examine(catalog: Catalog) -> Iterator[Check]:
    """All checks in the order a person would look; each is guarded, so the report always comes to its end."""
    parts: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("python", _python),
        ("duomo", lambda: [Check("duomo", "ok", f"{__version__} in {Path(__file__).parent}")]),
        ("configuration", _configuration),
        ("cache", _cache),
        ("network", _network),
        ("torch", _torch),
        ("distributions", lambda: _distributions(catalog.plugins)),
        ("plugins", lambda: _plugins(catalog.plugins)),
        *((f"plugin {record.name}", lambda record=record: _plugin(record)) for record in catalog.plugins),
        ("models", lambda: _models(catalog)),
        *(
            (f"plugin {record.name}", lambda hook=hook: list(hook()))
            for record, hook in catalog.host.implementing("doctor_checks")
        ),
    ]
    for name, part in parts:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                checks = [_without_home(Check(*check)) for check in part()]
        except KeyboardInterrupt:
            raise
        # A plugin's checks may raise anything, and so may a damaged library when it is imported.
        except BaseException as error:
            said = f"the check itself failed: {type(error).__name__}: {error}"
            checks = [_without_home(Check(name, "fail", said, _AUTHOR if name.startswith("plugin ") else ""))]
        yield from checks


def _python() -> Iterator[Check]:
    good = sys.version_info >= (3, 11)
    yield Check(
        "python",
        "ok" if good else "fail",
        f"{platform.python_version()} ({sys.executable}) on {platform.platform(terse=True)} {platform.machine()}",
        "" if good else "duomo needs Python 3.11 or later",
    )
    if sys.dont_write_bytecode:
        yield Check(
            "byte-code", "warn", "it is not kept, so every start compiles again", "unset PYTHONDONTWRITEBYTECODE"
        )


def _configuration() -> Iterator[Check]:
    path = config_path()
    try:
        load_config()
        configured("disable"), configured("allow")
    except (DuomoError, OSError) as error:
        why, fix = (error.why or error.what, error.fix) if isinstance(error, DuomoError) else (str(error), "")
        yield Check("configuration", "fail", f"{path}: {why}", fix)
        return
    yield Check("configuration", "ok", str(path) if path.is_file() else f"none (it would be {path})")


def _cache() -> Iterator[Check]:
    path = cache_path()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        yield Check(
            "cache", "fail", f"{path} cannot be written: {error.strerror}", "set DUOMO_CACHE to a folder of yours"
        )
        return
    yield Check("cache", "ok", f"{path}, {shutil.disk_usage(path).free / 2**30:.0f} GiB free")


def _network() -> Iterator[Check]:
    try:
        off = is_offline()
    except DuomoError:
        off = False
    asked = next((name for name in ("DUOMO_OFFLINE", "HF_HUB_OFFLINE") if name in os.environ), "the configuration")
    yield Check("network", "ok", f"off, by {asked}" if off else "allowed; used for hub models and URLs only")


def _torch() -> Iterator[Check]:
    if importlib.util.find_spec("torch") is None:
        yield Check("torch", "warn", "not installed; most models need it", "pip install 'duomo[all]'")
        return
    import torch

    yield Check("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads on {os.cpu_count()} cores")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = (each / 2**30 for each in torch.cuda.mem_get_info(index))
            name = torch.cuda.get_device_name(index)
            yield Check(f"device cuda:{index}", "ok", f"{name}, {free:.0f} of {total:.0f} GiB free")
    elif torch.version.cuda and Path("/proc/driver/nvidia").exists():
        yield Check(
            "device cuda",
            "fail",
            f"there is a GPU, but torch, built for CUDA {torch.version.cuda}, cannot use it",
            "compare with the driver's version (nvidia-smi): update the driver, or install the torch built for it",
        )
    if torch.backends.mps.is_available():
        yield Check("device mps", "ok", "Apple GPU")


def _distributions(records: Iterable[PluginRecord]) -> Iterator[Check]:
    """Metadata that is there twice; imports and metadata may then be of different versions."""
    ours = {canonical(record.distribution) for record in records} | {"duomo"}
    found: dict[str, list[str]] = {}
    for each in distributions():
        if each.key in ours and each.folder not in found.setdefault(each.key, []):
            found[each.key].append(each.folder)
    for name, folders in sorted(found.items()):
        if len(folders) > 1:
            detail = f"installed {len(folders)} times: {', '.join(folders)}"
            fix = f"pip uninstall {name} until none is left, then install it again"
            yield Check(f"distribution {name}", "warn", detail, fix)


def _plugins(records: list[PluginRecord]) -> Iterator[Check]:
    if not records:
        yield Check("plugins", "warn", "none is installed, so no task has a model", install_line("duomo-nlp"))


def _plugin(record: PluginRecord) -> Iterator[Check]:
    name = f"plugin {record.name}"
    if record.state in ("broken", "clash", "incompatible"):
        yield Check(name, "fail", f"{record.origin} is {record.state}: {record.error}", record.fix)
    elif record.state != "ok":
        yield Check(name, "ok", f"{record.origin} is {record.state}: {record.error}", record.fix)
    elif unmet(record):
        needs = unmet(record)
        line = " ".join(f"'{each}'" for each in needs)
        yield Check(name, "fail", f"{record.origin} needs {', '.join(needs)}", f"pip install {line}")
    elif record.heavy:
        detail = f"{record.origin} imports {', '.join(record.heavy)} at every start ({record.import_ms:.0f} ms)"
        yield Check(name, "warn", detail, "ask its author to import them where they are used")
    else:
        yield Check(name, "ok", f"{record.origin}, {record.import_ms:.0f} ms")


def _models(catalog: Catalog) -> Iterator[Check]:
    """The starter models: weights, libraries, and the models they use."""
    starters: dict[str, ModelSpec] = {spec.name: spec for spec in catalog.models if "starter" in spec.packs}
    for name, spec in starters.items():
        lacking = catalog.lacking(spec)
        if lacking:
            yield Check(f"model {name}", "warn", lacking, "duomo models add starter")
        else:
            yield Check(f"model {name}", "ok", f"{spec.size / 2**20:.0f} MiB" if spec.size else "ready")


def _without_home(check: Check) -> Check:
    """Hide the home folder: reports are pasted into issues."""
    home = str(Path.home())
    return Check(*(text.replace(home, "~") if len(home) > 1 else text for text in check))
