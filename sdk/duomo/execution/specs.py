"""The executors that come with duomo."""

from duomo.specs import ExecutorSpec

CORE_EXECUTORS = (
    ExecutorSpec("inline", "duomo.execution.inline:InlineExecutor", "in this process, one batch after another"),
    ExecutorSpec("local", "duomo.execution.local:LocalExecutor", "in a process for each device of this machine"),
)
