"""`load`, `run` and `Client` with the types of each task's options and result.

They are those of `duomo.runner` and `duomo.client`. What a type checker and an editor know of them, task by task,
stands in ``typed.pyi`` beside this file, which ``docs/make_types.py`` writes from the tasks.
"""

from duomo.lazy import face

face(__name__, {"duomo.client.client": "Client", "duomo.runner": "load run"})
