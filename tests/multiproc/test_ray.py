"""Executor ray, on a real cluster of two nodes on this machine; one of them does not survive."""

import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import duomo
from duomo import serving
from duomo.errors import RequirementMissing, Unavailable, UsageProblem
from duomo.specs import ExecutorSpec
from duomo.testing.fakes import echo_spec, fake_catalog, faulty_spec

pytestmark = [pytest.mark.multiproc, pytest.mark.slow, pytest.mark.alone]
ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
TEXTS = [f"text {index}" for index in range(40)]


@pytest.fixture(scope="module")
def catalog():
    return fake_catalog(faulty_spec())


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of two processors; what notices a death is set to be quick."""
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_failure_threshold": 10}
    head = {"num_cpus": 2, "_system_config": quick, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        here = str(Path(__file__).parent)  # of a model that workers and driver import alike
        patch.setenv("PYTHONPATH", here)
        patch.syspath_prepend(here)
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(num_cpus=2)
        ray.init(cluster.address, logging_level="error", log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(scope="module")
def runner(cluster, catalog):
    with duomo.load("text-classification", "fake/echo", executor="ray", devices=2, catalog=catalog) as runner:
        yield runner


def test_order_results_and_faults_are_those_of_one_process(runner, catalog):
    texts = ["poison first", *TEXTS, "crash in the middle", *TEXTS, "poison last"]
    with duomo.load("text-classification", "fake/echo", catalog=catalog) as inline:
        expected = [(outcome.id, outcome.result, outcome.error and outcome.error.what) for outcome in inline.map(texts)]
    outcomes = list(runner.map(texts))
    assert [(outcome.id, outcome.result, outcome.error and outcome.error.what) for outcome in outcomes] == expected
    assert sum(not outcome.ok for outcome in outcomes) == 3


def test_a_server_over_a_cluster_answers_many_clients_and_a_bad_one_alone(runner):
    testclient = pytest.importorskip("starlette.testclient")
    path = "/v1/tasks/text-classification"
    client = testclient.TestClient(serving.app([runner]), base_url="http://localhost")
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(lambda text: client.post(path, json={"input": text}), [*TEXTS, "poison"]))
    assert [reply.status_code for reply in replies] == [*[200] * len(TEXTS), 500]
    assert {reply.json()["meta"]["executor"] for reply in replies[:-1]} == {"ray"}
    [model] = client.get("/-/status.json").json()["models"]
    assert (model["state"], len(model["replicas"])) == ("ready", 2)


def test_every_outcome_names_the_node_that_made_it(runner):
    outcomes = list(runner.map(TEXTS))
    assert all(outcome.meta.executor == "ray" for outcome in outcomes)
    assert all(outcome.meta.device.startswith("cpu on ") for outcome in outcomes)


def test_parts_come_as_they_are_made(runner):
    assert list(runner.stream("one two three")) == ["one", "two", "three"]


def test_an_item_that_ends_its_process_is_named_and_the_others_come_out(runner):
    texts = [*TEXTS[:11], "segfaults", *TEXTS[11:]]
    outcomes = list(runner.map(texts))
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [11]
    assert outcomes[11].error.type == "WorkerLost"
    assert runner.executor.stats().restarts >= 1


def test_an_actor_killed_from_outside_costs_no_row(runner):
    outcomes = runner.map(f"naps {index}" for index in range(60))
    first = next(outcomes)
    living = next(iter(runner.executor._crew._replicas.values()))  # the other may be starting again
    ray.kill(living.actors[0])
    assert [first.index, *(outcome.index for outcome in outcomes if outcome.ok)] == list(range(60))


def until_restarted(runner, items):
    """Yield items until Ray has restarted an actor, which takes Ray a while."""
    before = runner.executor.stats().restarts
    for item in itertools.cycle(items):
        yield item
        if runner.executor.stats().restarts > before:
            return


def test_two_actors_share_one_model_and_one_that_is_killed_costs_no_row(cluster, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"the river rose by a foot and fell again".split()]
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    BertForSequenceClassification(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(tmp_path)
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(tmp_path)
    texts = [" ".join(words[4 : 5 + at % 9]) for at in range(20)]
    node = cluster.add_node(num_cpus=2)  # a group wants one node to itself
    with duomo.load("text-classification", f"dir:{tmp_path}") as inline:
        expected = [outcome.unwrap().top.score for outcome in inline.map(texts)]
    with duomo.load(
        "text-classification", f"dir:{tmp_path}", executor="ray", devices="cpu,cpu", parallel="tp=2"
    ) as runner:
        shared = [outcome.unwrap().top.score for outcome in runner.map(texts)]
        more = until_restarted(runner, texts)
        outcomes = runner.map(more, batch_size=1)
        disturbed = [next(outcomes).unwrap().top.score]
        ray.kill(runner.executor._crew._replicas[0].actors[1])  # type: ignore[attr-defined]  # the other notices, and is not to blame
        disturbed += [outcome.unwrap().top.score for outcome in outcomes]
        assert runner.executor.stats().restarts >= 1
    cluster.remove_node(node)
    while ray.cluster_resources()["CPU"] > 4:
        time.sleep(0.05)  # the cluster hears of it a little later
    rounds = -(-len(disturbed) // len(texts))
    assert shared == pytest.approx(expected, abs=1e-5)
    assert disturbed == pytest.approx((expected * rounds)[: len(disturbed)], abs=1e-5)


def test_a_text_that_hangs_is_named_and_the_others_come_out(cluster, catalog):
    from duomo.execution.pools.ray import RayExecutor

    place = {"devices": 1, "device": "cpu", "catalog": catalog}
    texts = [*TEXTS[:5], "hangs", *TEXTS[5:10]]
    with duomo.load("text-classification", "fake/echo", executor=RayExecutor(hang_floor_s=4), **place) as runner:
        outcomes = list(runner.map(texts, batch_size=1))
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [5]
    assert outcomes[5].error.type == "WorkerLost"
    assert "for one batch" in outcomes[5].error.why


def test_a_rank_that_suffers_from_another_is_not_taken_for_the_cause(cluster):
    from duomo.execution.pools.crew import AFTERMATH, Event
    from duomo.execution.pools.ray import RayCrew, _Replica  # made by hand: Ray gives these answers once in many runs
    from duomo.outcome import ItemError

    def raised(kind):
        return ray.put(Event("raised", 0, 7, error=ItemError("E-MODEL-FAILED", kind, type=kind)))

    @ray.remote
    def say_nothing():
        time.sleep(60)  # longer than the test waits: only its end is asked for

    crew, here, silent = RayCrew(None), _Replica([], None, 0.0), say_nothing.remote()
    here.pending[7] = [raised(AFTERMATH), silent]
    assert crew._answers(here) == [], "the other may be dead, which Ray will tell"  # as above
    assert here.awaited == [silent]
    here.pending[7] = [raised(AFTERMATH), raised("ValueError")]
    cause, lost = crew._answers(here)  # as above
    assert (cause.kind, cause.error.type) == ("raised", "ValueError")
    assert (lost.kind, lost.blame) == ("lost", False)
    ray.cancel(silent, force=True)


def test_what_is_sent_to_an_actor_that_is_gone_is_nobodys_fault():
    from duomo.execution.pools.ray import RayCrew

    crew = RayCrew(None)
    crew.send(0, 1, ["fine"], None)
    crew.stream(0, 2, "fine", None)
    crew.cancel(0, 2)


def test_more_workers_than_the_cluster_holds_are_refused_with_the_number_that_fits(cluster, catalog):
    with pytest.raises(UsageProblem) as caught:
        duomo.load("text-classification", "fake/echo", executor="ray", devices=99, device="cpu", catalog=catalog)
    assert "has 4 CPU and 99 are needed" in caught.value.what
    assert "devices=4" in caught.value.fix


def test_a_kind_left_open_is_a_gpu_where_the_cluster_has_one_for_each():
    from duomo.execution.base import Job
    from duomo.execution.planning.resolve import plan_for
    from duomo.execution.pools.cluster import with_devices

    def devices(has, **asked):
        device = asked.pop("device", "auto")
        job = Job(echo_spec(), "text-classification", "fake/echo", None, "", "", device)
        return with_devices(job._replace(plan=plan_for(job, "ray", **asked, remote=True)), has).devices

    assert devices({"CPU": 64, "GPU": 8}, devices=8) == ("cuda",) * 8
    assert devices({"CPU": 64, "GPU": 8}, parallel="dp=4,tp=2") == ("cuda",) * 8
    assert devices({"CPU": 64, "GPU": 4}, devices=8) == ("cpu",) * 8
    assert devices({"CPU": 2}) == ("cpu",)
    assert devices({"CPU": 64, "GPU": 8}, device="cuda", devices=8) == ("cuda",) * 8
    with pytest.raises(UsageProblem, match="the cluster has 0 GPU and 8 are needed") as caught:
        devices({"CPU": 64}, device="cuda", devices=8)
    assert caught.value.fix == "device='cpu', or add nodes to the cluster"


def test_workers_that_find_no_place_are_an_error_and_no_endless_wait(runner, catalog):
    from duomo.execution.pools.ray import RayExecutor

    place = {"devices": 4, "device": "cpu", "catalog": catalog}  # of which two are taken by the runner above
    with pytest.raises(Unavailable) as caught:
        duomo.load("text-classification", "fake/echo", executor=RayExecutor(place_s=3), **place)
    assert "of 4 workers found no place in the cluster within 3 s" in caught.value.what
    assert "ask for fewer devices" in caught.value.fix


def test_a_model_that_does_not_load_says_so_as_if_it_were_here(cluster):
    broken = fake_catalog(echo_spec(loader="acting:Broken"))
    with pytest.raises(Unavailable) as caught:
        duomo.load("text-classification", "fake/echo", executor="ray", devices=1, catalog=broken)
    assert "worker 0 did not start: OSError: these weights are bad" in caught.value.what
    assert "acting.py" in caught.value.why  # the traceback of the other process


def test_a_node_that_dies_costs_no_row_and_none_comes_twice(cluster, catalog):
    doomed = cluster.add_node(num_cpus=2)
    with duomo.load("text-classification", "fake/echo", executor="ray", devices=4, catalog=catalog) as runner:
        outcomes = runner.map(until_restarted(runner, [f"naps {index}" for index in range(40)]), batch_size=2)
        seen = [next(outcomes).index]
        cluster.remove_node(doomed, allow_graceful=False)
        seen += [outcome.index for outcome in outcomes if outcome.ok]
        assert runner.executor.stats().restarts >= 1
    assert seen == list(range(len(seen)))


def test_an_address_nobody_answers_at_is_an_error_within_seconds():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        from duomo.execution.pools.ray import RayExecutor

        with pytest.raises(Unavailable) as caught:
            duomo.load("text-classification", executor=RayExecutor(address), catalog=fake_catalog())
    assert f"no Ray cluster answers at {address}" in caught.value.what
    assert "ray start --head" in caught.value.fix


def test_a_cluster_that_is_not_up_in_time_is_no_mistake_of_duomo(monkeypatch):
    from duomo.execution.pools.cluster import connect

    def init(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup.")  # as Ray does, bare

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(Unavailable, match="no Ray cluster answers at a cluster of its own") as caught:
        connect(None)
    assert caught.value.why == "The current node timed out during startup."


def test_ray_is_told_to_print_nothing_between_results(monkeypatch):
    from duomo.execution.pools.cluster import connect

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda *_, **__: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    worker = ray._private.worker  # private, decision 13: Ray has no public switch
    monkeypatch.setattr(worker, "_worker_logs_enabled", True)  # private, as above
    assert connect(None)
    assert not worker._worker_logs_enabled  # private, as above


def test_without_ray_the_executor_says_what_to_install():
    catalog = fake_catalog()
    spec = catalog.executor("ray")
    catalog.executors["ray"] = ExecutorSpec(spec.name, spec.target, spec.summary, ("ray>=99",))
    with pytest.raises(RequirementMissing) as caught:
        duomo.load("text-classification", executor="ray", catalog=catalog)
    assert "pip install" in caught.value.fix
    assert "ray" in caught.value.fix
