"""A small device: a process in which torch cannot be imported and data may take so much memory; run by the tests."""

import json
import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

HEAVY = {"torch", "torchaudio", "torchvision", "transformers", "safetensors"}


class Blocked:
    """Refuses what is not installed on the device."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in HEAVY:
            raise ImportError(f"{name} is not on this device")
        return None


def main() -> None:
    import resource

    task, model, memory_mb = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory_mb) << 20,) * 2)
    sys.meta_path.insert(0, Blocked())
    started = time.process_time()
    import duomo

    with duomo.load(task, f"dir:{model}" if Path(model).is_dir() else model) as runner:
        ready = time.process_time() - started
        outcomes = [each.to_dict() for each in runner.map(map(item_of, json.load(sys.stdin)))]
    # Not ru_maxrss, which begins with what the parent had.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    loaded = sorted(HEAVY & set(sys.modules))
    json.dump({"outcomes": outcomes, "ready_cpu_s": ready, "peak_mb": peak, "loaded": loaded}, sys.stdout)


def item_of(said: object) -> object:
    """A text as it is, a list as pixels, a tone or a voice."""
    import numpy as np

    from duomo.testing.samples import voice

    if isinstance(said, list):
        return np.asarray(said, np.uint8)
    if isinstance(said, dict) and "voice" in said:
        return voice(120, said["voice"]), 16_000
    if isinstance(said, dict):
        times = np.arange(int(said["rate"] * said["seconds"])) / said["rate"]
        return (0.3 * np.sin(2 * np.pi * said["hertz"] * times)).astype(np.float32), said["rate"]
    return said


if __name__ == "__main__":
    main()
