"""Moved to `duomo.execution`; this name goes with the next release."""

import warnings

from duomo.execution.pools.local import LocalExecutor as LocalExecutor

warnings.warn(
    "import LocalExecutor from duomo.execution, not from duomo.execution.local", DeprecationWarning, stacklevel=2
)
