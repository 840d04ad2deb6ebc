"""A training whose ranks are actors of a real cluster; an actor and then a node do not survive."""

import random
from typing import Any

import pytest

import duomo
from duomo.errors import Unavailable

pytestmark = [pytest.mark.multiproc, pytest.mark.slow, pytest.mark.alone]
ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")


@pytest.fixture(scope="module")
def cluster():
    """A head without processors, and two nodes of two; a death is noticed within seconds."""
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_failure_threshold": 10}
    head = {"num_cpus": 0, "_system_config": quick, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=2)
    ray.init(cluster.address, logging_level="error", log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_rank_that_does_not_start_is_told_in_words_and_after_as_long_as_a_model_may_take(monkeypatch):
    """A process that imports torch on a busy machine takes more than a minute, and ended in Ray's GetTimeoutError."""
    from duomo.training.distributed import ray as on_ray

    waited: list[float] = []

    def never(_asked: object, timeout: float) -> None:
        waited.append(timeout)
        raise ray.exceptions.GetTimeoutError("Get timed out: some object(s) not ready.")

    monkeypatch.setattr(ray, "get", never)
    with pytest.raises(Unavailable, match="the first rank of a training did not start") as caught:
        on_ray.first_answer(None)
    assert (waited, "--resume" in caught.value.fix) == ([600.0], True)


def test_a_training_whose_actor_and_whose_node_die_goes_on_from_its_last_checkpoint(cluster, tmp_path, monkeypatch):
    """Two ranks as actors; the weights are bit for bit those of two processes that nobody disturbed."""
    from duomo.training.distributed import ray as on_ray

    starts: list[Any] = []

    class Seen(on_ray.RayMembers):
        def __init__(self, orders: Any) -> None:
            super().__init__(orders)
            starts.append(self)

    monkeypatch.setattr(on_ray, "RayMembers", Seen)
    harmed: list[str] = []

    def harm(progress: Any) -> None:
        if progress.step == 5 and not harmed:
            ray.kill(starts[-1].actors[1])
            harmed.append("an actor")
        # Ranks run on until they notice, so the second harm waits for the second start, whatever step that is at.
        if progress.step >= 9 and harmed == ["an actor"] and len(starts) == 2:
            places = set(ray.util.placement_group_table(starts[-1].group)["bundles_to_node_id"].values())
            node = next(each for each in cluster.worker_nodes if each.node_id in places)
            cluster.remove_node(node, allow_graceful=False)
            harmed.append("a node")

    chance = random.Random(0)
    table = [{"width": chance.random(), "height": chance.random()} for _ in range(64)]
    rows = [{**row, "label": "wide" if row["width"] > row["height"] else "high"} for row in table]
    # Far more steps than fit into the time until a dead node's ranks are gone.
    recipe = duomo.Recipe(epochs=100, batch=16, checkpoint_s=0.0, optimizer="sgd")
    settings: dict[str, Any] = {"recipe": recipe, "validation": 0.25, "parallel": "dp=2"}
    local = duomo.finetune("tabular-classification", rows, out=tmp_path / "one", **settings)
    with pytest.warns(UserWarning, match="goes on from its last checkpoint"):
        together = duomo.finetune(
            "tabular-classification", rows, out=tmp_path / "two", executor="ray", on_step=harm, **settings
        )
    assert harmed == ["an actor", "a node"]
    assert len(starts) >= 3
    one, two = ((fit.folder / "model.safetensors").read_bytes() for fit in (local, together))
    assert one == two
    assert together.metrics == local.metrics
