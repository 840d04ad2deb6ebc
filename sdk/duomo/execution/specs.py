"""The executors that come with duomo."""

from duomo.specs import ExecutorSpec

CORE_EXECUTORS = (
    ExecutorSpec("inline", "duomo.execution.inline:InlineExecutor", "in this process, one batch after another"),
    ExecutorSpec("local", "duomo.execution.local:LocalExecutor", "in a process for each device of this machine"),
    ExecutorSpec(
        "ray",
        "duomo.execution.ray:RayExecutor",
        "as actors of a Ray cluster, one that is there or one started for the run",
        requires=("ray>=2.40",),
        remote=True,
    ),
)
