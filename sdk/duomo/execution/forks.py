"""What is left to a process that was forked from one which computed."""

from __future__ import annotations

import os
import sys

from duomo.execution.progress import LOG

_processes: set[int] = set()
"""Processes in which a model was loaded: this one, and those that it is a fork of."""


def enter_process() -> None:
    """Note that a model is loaded here. In a fork of a process that has loaded one, torch computes with one thread.

    The threads of OpenMP do not survive a fork, and torch would wait for them for good.
    """
    here, torch = os.getpid(), sys.modules.get("torch")
    if _processes and here not in _processes and torch is not None and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
        LOG.warning(
            "process %s is a fork of one that has loaded a model: it computes with one thread, as those of OpenMP do "
            "not survive a fork; the start method 'spawn' keeps all",
            here,
        )
    _processes.add(here)
