"""`load` and `run` with the types of each task's options and result.

They are those of `duomo.runner`. What a type checker and an editor know of them, task by task, stands in ``typed.pyi``
beside this file, which ``docs/make_types.py`` writes from the tasks.
"""

from duomo.runner import load as load, run as run
