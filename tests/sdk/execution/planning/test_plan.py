"""How a caller says over what a model is spread, and what becomes of what does not fit."""

import pickle

import pytest
from hypothesis import given, strategies as st

import duomo
from duomo.errors import DeviceUnavailable, UnknownExecutor, UsageProblem
from duomo.execution import devices as devices_module
from duomo.execution.base import Job
from duomo.execution.plan import ExecutionPlan
from duomo.execution.planning.resolve import plan_for
from duomo.execution.pools import placing
from duomo.parallel import ParallelDims
from duomo.specs import ModelSpec
from duomo.testing import fake_catalog

JOB = Job(ModelSpec("a/b", "text-classification", "", "", ""), "text-classification", "a/b", None, "", "")


def ask(devices=None, parallel=None, *, executor="local", device="auto", remote=False):
    return plan_for(JOB._replace(device=device), executor, devices, parallel, remote=remote)


@pytest.fixture
def gpus(monkeypatch):
    monkeypatch.setattr(devices_module, "accelerators", lambda: ("cuda:0", "cuda:1"))


def test_one_copy_is_one_device_of_several(gpus):
    assert ask(parallel="dp=1").devices == ("cuda:0",)
    assert ask(parallel=ParallelDims(1)).devices == ("cuda:0",)
    assert ask(parallel="dp=1", device="cpu").devices == ("cpu",)
    assert ask(parallel="dp=1", device="cuda:1").devices == ("cuda:1",)
    assert ask(parallel="dp=1", executor="inline").devices == ()


@given(st.builds(ParallelDims, *[st.integers(1, 99)] * 3))
def test_dims_are_read_as_they_are_written(dims):
    assert ParallelDims.parse(str(dims)) == dims
    assert dims.total == dims.dp * dims.group


def test_what_is_not_named_is_one_and_spaces_do_not_matter():
    assert ParallelDims.parse(" tp = 4 , dp=2 ") == ParallelDims(dp=2, tp=4)
    assert str(ParallelDims(2, 1, 4)) == "dp=2,tp=4"
    assert str(ParallelDims()) == "dp=1"


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("", "no parallel dimension is named", "dp=2"),
        ("ep=2", "unknown parallel dimension 'ep'", "dp=2"),
        ("tpp=2", "Did you mean 'pp' or 'tp'", "dp=2"),
        ("dp=0", "'dp=0' is not a valid size", "dp=1"),
        ("dp=-1", "'dp=-1' is not a valid size", "dp=1"),
        ("dp=two", "'dp=two' is not a valid size", "dp=1"),
        ("dp", "'dp' is not a valid size", "dp=1"),
        ("dp=2,dp=3", "'dp' is given twice", "dp=2"),
        ("dp=\N{SUPERSCRIPT TWO}", "is not a valid size", "dp=1"),
    ],
)
def test_dims_that_make_no_sense_are_refused(text, what, fix):
    with pytest.raises(UsageProblem) as caught:
        ParallelDims.parse(text)
    assert what in str(caught.value)
    assert fix in caught.value.fix


def test_one_copy_a_device_unless_something_else_is_said():
    assert ask("cpu, cpu") == ExecutionPlan("local", ParallelDims(2), ("cpu", "cpu"))
    assert ask(["cuda:1", "cuda:3"]).devices == ("cuda:1", "cuda:3")
    assert ask("cpu,cpu,cpu,cpu", "dp=2,tp=2").devices_of(1) == ("cpu", "cpu")
    assert ask("--2").devices == ("--2",), "no number, so the name of one; it is not found where it is to run"
    assert ask("\N{SUPERSCRIPT TWO}").devices == ("\N{SUPERSCRIPT TWO}",)
    assert ask(device="cuda:1") == ExecutionPlan("local", ParallelDims(1), ("cuda:1",))
    assert ask() == ExecutionPlan("local"), "the executor chooses"
    assert ask(executor="inline", device="cuda:1") == ExecutionPlan(), "the worker takes the job's device"


def test_a_number_means_gpus_where_there_are_any_and_else_the_cpu(gpus, monkeypatch):
    assert ask(2).devices == ask("2").devices == ("cuda:0", "cuda:1")
    assert ask(parallel="dp=2").devices == ("cuda:0", "cuda:1")
    assert ask(3, device="cpu").devices == ("cpu",) * 3
    with pytest.raises(UsageProblem, match="3 devices were asked for") as caught:
        ask(3)
    assert "cuda:0, cuda:1" in caught.value.why
    assert caught.value.fix == "2, or a name for each: cpu,cpu,cpu"
    monkeypatch.setattr(devices_module, "accelerators", lambda: ())
    assert ask(3).devices == ("cpu",) * 3


def test_sizes_alone_take_as_many_devices_of_the_kind_that_is_named(gpus):
    assert ask(parallel="tp=2", device="cpu") == ExecutionPlan("local", ParallelDims(tp=2), ("cpu", "cpu"))
    assert ask(parallel="tp=2", device="cuda").devices == ("cuda:0", "cuda:1")
    with pytest.raises(UsageProblem, match="1 is named"):
        ask(parallel="tp=2", device="cuda:1")  # one, by name


@pytest.mark.parametrize("asked", [{"devices": 2}, {"parallel": "dp=2"}])
def test_gpus_that_are_not_here_are_an_error_and_never_the_cpu(asked, monkeypatch):
    monkeypatch.setattr(devices_module, "accelerators", lambda: ())
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(DeviceUnavailable, match="no device 'cuda' here"):
        ask(**asked, device="cuda")


def test_devices_of_a_cluster_are_for_the_cluster_to_count(gpus):
    assert ask(8, device="cuda", remote=True).devices == ("cuda",) * 8
    assert ask(8, remote=True).devices == ("auto",) * 8
    assert ask(parallel="dp=4,tp=2", remote=True).devices == ("auto",) * 8
    with pytest.raises(UsageProblem, match="devices that this machine knows nothing of") as caught:
        ask(8, "auto", remote=True)
    assert "duomo plan MODEL --devices 8xH100" in caught.value.fix


@pytest.mark.parametrize("devices", [0, "0", -1, "-3"])
def test_too_few_devices_are_refused(devices):
    """Less than none is what the pipeline of transformers calls its CPU."""
    with pytest.raises(UsageProblem, match="too few") as caught:
        ask(devices)
    assert caught.value.fix == ("devices=1 (-d 1)" if int(devices) == 0 else 'device="cpu" (-d cpu)')


def test_numbers_that_are_a_slip_of_the_keyboard_are_refused(monkeypatch):
    for asked in ({"devices": 99_999_999_999}, {"parallel": "dp=99999999999"}, {"parallel": "dp=9999,tp=99"}):
        with pytest.raises(UsageProblem, match="devices are too many"):
            ask(**asked, device="cpu")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    job = JOB._replace(plan=ask(2000, device="cpu"))
    with pytest.raises(UsageProblem, match="2,000 processes are too many for the 2 cores") as caught:
        placing.with_devices(job)
    assert caught.value.fix == "devices=2 (-d 2)"
    assert len(placing.with_devices(JOB._replace(plan=ask(32, device="cpu"))).devices) == 32


@pytest.mark.parametrize("devices", ["", "cpu,", ",", []])
def test_a_device_without_a_name_is_refused(devices):
    with pytest.raises(UsageProblem, match="no name") as caught:
        ask(devices)
    assert "cpu,cpu" in caught.value.fix


@pytest.mark.parametrize(
    ("num", "parallel", "fix"),
    [
        (4, "tp=2", "dp=2,tp=2, or 2 devices"),
        (4, "dp=8", "dp=4, or 8 devices"),
        (2, "tp=4", "dp=2, or 4 devices"),
        (6, ParallelDims(1, 1, 4), "dp=6, or 4 devices"),
    ],
)
def test_sizes_that_do_not_fit_the_devices_are_refused_with_what_would_fit(num, parallel, fix):
    with pytest.raises(UsageProblem, match=f"{num} are named") as caught:
        ask(",".join(["cpu"] * num), parallel)
    assert caught.value.fix == fix


@pytest.mark.parametrize("dims", [ParallelDims(dp=0), ParallelDims(tp=-2), ParallelDims(pp=1.5)])  # type: ignore[arg-type]
def test_sizes_given_as_dims_are_checked_too(dims):
    with pytest.raises(UsageProblem, match="is not a valid size"):
        ask("cpu", dims)


def test_auto_asks_the_planner_whose_executor_counts_unless_one_is_named(monkeypatch, gpus):
    from duomo.execution.planning import planner

    asked = []

    def plan_for_job(job, devices):
        asked.append((job.reference, tuple(devices)))
        return ExecutionPlan("local", ParallelDims(2), ("cpu", "cpu"), reasons=("so",))

    monkeypatch.setattr(planner, "plan_for_job", plan_for_job)
    assert ask(parallel="auto", executor="inline").executor == "local"
    assert ask("cpu,cpu", "auto", executor="ray") == ExecutionPlan(
        "ray", ParallelDims(2), ("cpu", "cpu"), reasons=("so",)
    )
    assert asked == [("a/b", ("cuda:0", "cuda:1")), ("a/b", ("cpu", "cpu"))]


def test_a_job_with_its_plan_can_be_sent():
    job = JOB._replace(plan=ask("cpu,cpu"))
    assert pickle.loads(pickle.dumps(job)) == job


def load(**given):
    return duomo.load("text-classification", catalog=fake_catalog(), **given)


def test_inline_takes_one_device_and_says_who_takes_more():
    with load(devices=["cpu"]) as runner:
        assert runner.meta.device == "cpu"
    with pytest.raises(UsageProblem, match="'inline' runs on one device, and parallel=tp=2 needs 2") as caught:
        load(devices="cpu,cpu", parallel="tp=2")
    assert "executor='local'" in caught.value.fix


def test_a_device_that_is_not_here_is_refused_before_a_process_starts():
    with pytest.raises(DeviceUnavailable, match="no device 'cuda:99' here") as caught:
        load(executor="local", devices="cpu,cuda:99")
    assert "this machine has cpu" in caught.value.why
    with pytest.raises(DeviceUnavailable, match="no device 'tpu' here"):
        load(executor="local", device="tpu")


def test_a_model_without_a_network_cannot_be_cut_and_says_so_before_a_process_starts():
    with pytest.raises(UsageProblem) as caught:
        load(executor="local", devices="cpu,cpu", parallel="tp=2")
    assert "dp" in caught.value.fix


def test_an_executor_nobody_knows_is_named_with_those_there_are():
    with pytest.raises(UnknownExecutor, match="no executor named 'locl'") as caught:
        load(executor="locl")
    assert "Did you mean 'local'" in caught.value.fix
