"""Where models run: the interface of an executor, the executors that come with duomo, and what a new one needs.

    duomo.load("image-classification", executor=duomo.execution.LocalExecutor())

Write one: `duomo.execution.base`. Names are loaded when first used.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.execution.base import (
        Entry as Entry,
        Executor as Executor,
        Flush as Flush,
        ItemResult as ItemResult,
        Job as Job,
        ModelFacts as ModelFacts,
        Timing as Timing,
    )
    from duomo.execution.inline import InlineExecutor as InlineExecutor
    from duomo.execution.plan import ExecutionPlan as ExecutionPlan
    from duomo.execution.pools.crew import Crew as Crew, Event as Event
    from duomo.execution.pools.local import LocalExecutor as LocalExecutor
    from duomo.execution.pools.pool import PoolExecutor as PoolExecutor
    from duomo.execution.pools.ray import RayExecutor as RayExecutor
    from duomo.execution.resuming.store import RunStore as RunStore
    from duomo.execution.stats import ReplicaStats as ReplicaStats, Stats as Stats
    from duomo.execution.worker import Worker as Worker

face(
    __name__,
    {
        "duomo.execution.base": "Entry Executor Flush Timing ModelFacts ItemResult Job",
        "duomo.execution.inline": "InlineExecutor",
        "duomo.execution.plan": "ExecutionPlan",
        "duomo.execution.pools.crew": "Crew Event",
        "duomo.execution.pools.local": "LocalExecutor",
        "duomo.execution.pools.pool": "PoolExecutor",
        "duomo.execution.pools.ray": "RayExecutor",
        "duomo.execution.resuming.store": "RunStore",
        "duomo.execution.stats": "ReplicaStats Stats",
        "duomo.execution.worker": "Worker",
    },
)
