"""Plans by arithmetic: a table of models and clusters, what always holds, and what is refused in which words."""

import pytest
from hypothesis import given, settings, strategies as st

from duomo.errors import DeviceUnavailable, DoesNotFit, DuomoError, UsageProblem
from duomo.execution.base import Job
from duomo.execution.planning import hardware
from duomo.execution.planning.cores import plan_cpu
from duomo.execution.planning.costs import memory_needed, room_on, step_time
from duomo.execution.planning.hardware import DEVICES, Device, describe, facts, parse_devices
from duomo.execution.planning.planner import make_plan, plan_for_job
from duomo.execution.planning.profile import ModelProfile, profile_params
from duomo.parallel import ParallelDims
from duomo.specs import ModelSpec

# As `profile_config` finds them; test_profile.py compares those with torch.
BERT = ModelProfile("bert", 109_482_240, 23_835_648, 12, 768, 12, 12, "token", 169_952_256, 36_288, 8450)
VIT = ModelProfile("vit", 85_800_194, 0, 12, 768, 12, 12, "image", 35_126_123_520, 0, 2_141_016)
LLAMA7 = ModelProfile(
    "7b", 6_738_415_616, 131_072_000, 32, 4096, 32, 32, "token", 13_214_154_752, 524_288, 49_414, 262_144
)
LLAMA70 = ModelProfile(
    "70b", 68_976_648_192, 262_144_000, 80, 8192, 64, 8, "token", 137_426_370_560, 2_621_440, 118_790, 163_840
)
LLAMA405 = ModelProfile(
    "405b", 405_853_388_800, 2_101_346_304, 126, 16_384, 128, 8, "token", 807_495_794_688, 8_257_536, 225_286, 258_048
)
TINY = profile_params("tiny", 10_000)
NO_FIT = "does not fit"


def test_what_generates_keeps_the_bounds_of_its_own_batches():
    assert make_plan(BERT, parse_devices("2xH100")).plan.batch_budget > 0
    assert make_plan(LLAMA7, parse_devices("2xH100"), dtype="bfloat16").plan.batch_budget == 0


def test_one_machine_of_sixteen_needs_no_cluster():
    here = [device._replace(name=f"cuda:{index}") for index, device in enumerate(parse_devices("16xH100"))]
    assert make_plan(BERT, here).plan.executor == "local"
    assert make_plan(BERT, parse_devices("16xH100")).plan.executor == "ray", "16 that are not here fill two machines"


@pytest.mark.parametrize(
    ("profile", "devices", "options", "expected"),
    [
        (BERT, "1xT4", {}, "inline dp=1"),
        (BERT, "2xT4", {}, "local dp=2"),
        (BERT, "8xA10", {}, "local dp=8"),
        (BERT, "8xH100", {}, "local dp=8"),
        (BERT, "8xH100", {"dtype": "bfloat16"}, "local dp=8"),
        (BERT, "8xH100", {"objective": "latency"}, "local dp=8"),
        (BERT, "1024xH100", {}, "ray dp=1024"),
        (BERT, "2xA100-80,2xT4", {}, "local dp=4"),
        (BERT, "3xL4", {}, "local dp=3"),
        (BERT, "cpu:1", {"items": 10**6}, "inline dp=1"),
        (BERT, "cpu:2", {}, "inline dp=1"),
        (BERT, "cpu:2", {"items": 10}, "inline dp=1"),
        (BERT, "cpu:2", {"items": 10**6}, "local dp=2"),
        (BERT, "cpu:2", {"items": 10**6, "objective": "latency"}, "inline dp=1"),
        (TINY, "cpu:2", {"items": 10**4}, "inline dp=1"),
        (VIT, "8xA10", {}, "local dp=8"),
        (VIT, "1xRTX4090", {}, "inline dp=1"),
        (VIT, "1024xH100", {}, "ray dp=1024"),
        (LLAMA7, "8xH100", {"dtype": "bfloat16"}, "local dp=8"),
        (LLAMA7, "8xA10", {"dtype": "bfloat16"}, "local dp=8"),
        (LLAMA7, "8xA10", {"dtype": "float32"}, "local dp=4,tp=2"),
        (LLAMA7, "2xT4", {"dtype": "bfloat16"}, "local pp=2"),
        (LLAMA7, "2xA100-80,2xT4", {"dtype": "bfloat16"}, "local dp=2,tp=2"),
        (LLAMA7, "1xT4", {"dtype": "bfloat16"}, NO_FIT),
        (LLAMA7, "8xT4", {"dtype": "bfloat16", "axes": frozenset()}, NO_FIT),
        (LLAMA7, "8xH100", {"dtype": "bfloat16", "axes": frozenset()}, "local dp=8"),
        (LLAMA70, "8xH100", {"dtype": "bfloat16"}, "local dp=4,tp=2"),
        (LLAMA70, "8xH100", {"dtype": "bfloat16", "axes": frozenset({"pp"})}, "local dp=4,pp=2"),
        (LLAMA70, "8xH100", {"dtype": "bfloat16", "objective": "latency"}, "local dp=2,tp=4"),
        (LLAMA70, "1024xH100", {"dtype": "bfloat16"}, "ray dp=512,tp=2"),
        (LLAMA70, "4xH100,4xA10", {"dtype": "bfloat16"}, "local dp=2,tp=2"),
        (LLAMA70, "8xA10", {"dtype": "bfloat16"}, "local pp=8"),
        (LLAMA70, "4xA10", {"dtype": "bfloat16"}, NO_FIT),
        (LLAMA70, "8xH100", {"dtype": "float32"}, "local dp=2,tp=4"),
    ],
    ids=lambda value: value.name if isinstance(value, ModelProfile) else None,
)
def test_the_table_of_plans(monkeypatch, profile, devices, options, expected):
    monkeypatch.setattr(hardware, "_memory", lambda: (16e9, 0.0))  # the memory of a machine that is not here
    if expected == NO_FIT:
        with pytest.raises(DoesNotFit):
            make_plan(profile, parse_devices(devices), **options)
        return
    plan = make_plan(profile, parse_devices(devices), **options).plan
    assert f"{plan.executor} {plan.dims}" == expected
    assert len(plan.devices) == plan.dims.total
    assert plan.reasons


def test_what_was_rejected_says_the_number_that_spoke_against_it():
    said = "\n".join(make_plan(BERT, parse_devices("8xH100")).plan.rejected)
    assert "tp=8: 12 heads are not divisible by 8" in said
    assert "dp=4,tp=2: " in said
    assert "% of a step is the link" in said
    assert "one device: needs 138.2 GB of the 70.7 GB on H100" in "\n".join(
        make_plan(LLAMA70, parse_devices("8xH100"), dtype="bfloat16").plan.rejected
    )
    odd = make_plan(LLAMA70, parse_devices("2xH100,2xH200"), dtype="bfloat16").plan.rejected
    assert any("tp=4 takes 4 devices of one kind, and there are 2" in line for line in odd)


def test_the_driver_is_asked_whether_it_can_feed_them():
    few, many = make_plan(BERT, parse_devices("8xH100")), make_plan(BERT, parse_devices("1024xH100"))
    assert any("a step of 170.8 ms >= 8 copies x 100 µs" in line for line in few.plan.reasons)
    assert many.estimate.step_s >= 1024 * 100e-6
    assert any("split the input between" in line for line in many.plan.reasons)
    fast = make_plan(BERT, parse_devices("1024xH100"), dtype="bfloat16")
    assert fast.estimate.units > 65_536, "the budget was raised until a step takes as long as the driver needs"
    assert fast.estimate.step_s >= 1024 * 100e-6
    huge = make_plan(VIT, parse_devices("65536xH100"), dtype="bfloat16")
    assert any("run one driver on each node" in line for line in huge.plan.reasons)


def test_processes_pay_beyond_a_number_of_items_which_is_said():
    unknown = make_plan(BERT, parse_devices("cpu:2"))
    assert any("how many items there will be is not known" in line for line in unknown.plan.reasons)
    enough = int(unknown.plan.rejected[0].partition("pays from ")[2].split(" ")[0].replace(",", ""))
    assert make_plan(BERT, parse_devices("cpu:2"), items=enough).plan.executor == "inline"
    assert make_plan(BERT, parse_devices("cpu:2"), items=enough + 1).plan.executor == "local"
    plan = make_plan(BERT, parse_devices("cpu:2"), items=10**6).plan
    assert (plan.threads, plan.devices) == (1, ("cpu", "cpu"))
    assert "never pays" in make_plan(TINY, parse_devices("cpu:2"), items=10**6).plan.rejected[0]


def test_a_core_that_has_no_memory_for_a_second_process_stays_inline():
    small = Device("cpu", 1.5e9, 160e9, 160e9, 20e9, cores=2)
    plan = plan_cpu(BERT, small, 10**6, "float32", 128.0, "throughput").plan
    assert plan.executor == "inline"
    assert "a second process needs another 1.2 GB" in "\n".join(plan.reasons)


@pytest.mark.parametrize(
    ("profile", "devices", "dtype", "words"),
    [
        (
            LLAMA7,
            "1xT4",
            "bfloat16",
            ("13.5 GB of weights in bfloat16", "needs 13.8 GB of the 13.1 GB", "2xT4", "1xA10"),
        ),
        (LLAMA7, "1xA10", "float32", ("27.0 GB of weights in float32", "--dtype bfloat16")),
        (LLAMA70, "4xA10", "bfloat16", ("138.0 GB", "--devices 8xA10", "--devices 2xH100")),
        (LLAMA405, "2xT4", "float32", ("1623.4 GB", "--devices 16xH200")),
    ],
)
def test_what_fits_nowhere_says_how_much_is_missing_and_what_would_do(profile, devices, dtype, words):
    with pytest.raises(DoesNotFit) as caught:
        make_plan(profile, parse_devices(devices), dtype=dtype)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 4
    for line in caught.value.fix.split("\nor "):
        python, _, shell = line.partition("  ")
        option, value = shell.strip("()").split(" ")
        assert python == f'{option.removeprefix("--")}="{value}"'
        better = parse_devices(value if option == "--devices" else devices)
        assert make_plan(profile, better, dtype=value if option == "--dtype" else dtype)


def test_a_cpu_without_the_memory_names_a_device_that_has_it(monkeypatch):
    monkeypatch.setattr(hardware, "_memory", lambda: (8e9, 0.0))  # the memory of a machine that is not here
    with pytest.raises(DoesNotFit) as caught:
        make_plan(LLAMA7, parse_devices("cpu"))
    assert "needs 30." in caught.value.why
    assert caught.value.fix == 'devices="1xA100-40"  (--devices 1xA100-40)'


profiles = st.builds(
    lambda layers, heads, scale, unit: ModelProfile(
        "any",
        layers * 12 * (64 * heads) ** 2 + 1000 * scale,
        1000 * scale,
        layers,
        64 * heads,
        heads,
        heads,
        unit,
        24.0 * layers * (64 * heads) ** 2,
        4.0 * layers * 64 * heads,
        11.0 * 64 * heads,
    ),
    st.integers(1, 100),
    st.integers(1, 128),
    st.integers(1, 200_000),
    st.sampled_from(["token", "image"]),
)
clusters = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(sorted(DEVICES))), min_size=1, max_size=3).map(
    lambda parts: ",".join(f"{num}x{kind}" for num, kind in parts)
)


@settings(max_examples=150)
@given(profiles, clusters, st.sampled_from(["float32", "bfloat16"]), st.sampled_from(["throughput", "latency"]))
def test_a_plan_uses_devices_that_are_there_and_its_model_fits(profile, devices, dtype, objective):
    known = parse_devices(devices)
    try:
        planned = make_plan(profile, known, dtype=dtype, objective=objective)
    except DoesNotFit:
        return
    dims, best = planned.plan.dims, planned.estimate
    assert dims.total == len(best.devices) <= len(known)
    for kind in {device.kind for device in best.devices}:
        used = sum(device.kind == kind for device in best.devices)
        assert used <= sum(device.kind == kind for device in known)
        assert used % dims.group == 0, "a group is of one kind"
    assert all(memory_needed(profile, dims, dtype, best.units) <= room_on(device) for device in best.devices)
    assert profile.heads % dims.tp == 0
    assert dims.tp <= 8
    assert dims.pp <= profile.layers
    assert 0 < best.step_s < float("inf")
    assert 0 <= best.link_share < 1


@settings(max_examples=60)
@given(profiles, st.integers(1, 16), st.floats(4e9, 200e9), st.floats(1.0, 4.0))
def test_more_memory_never_makes_a_plan_worse(profile, count, memory, factor):
    def rate(size):
        try:
            return make_plan(profile, [DEVICES["A10"]._replace(memory=size)] * count).estimate.rate
        except DoesNotFit:
            return 0.0

    # Steps are powers of two, and ties go to the smaller group: a hundredth may be given away.
    assert rate(memory * factor) >= rate(memory) * 0.98


def test_few_copies_read_further_ahead_each():
    one, many = (make_plan(BERT, parse_devices(f"{num}xT4"), length=30).plan for num in (1, 64))
    assert (one.window_items, many.window_items) == (16_384, 1024)
    large = make_plan(BERT, parse_devices("64xH100"), dtype="bfloat16", length=30)
    assert large.plan.window_items >= 4 * large.estimate.units / 30


def test_a_pipeline_idles_and_tensor_parallelism_waits_for_its_link():
    device = DEVICES["A10"]
    alone, _ = step_time(LLAMA7, device, ParallelDims(), "bfloat16", 16_384, 128)
    piped, _ = step_time(LLAMA7, device, ParallelDims(1, 2, 1), "bfloat16", 16_384, 128)
    split, share = step_time(LLAMA7, device, ParallelDims(1, 1, 2), "bfloat16", 16_384, 128)
    assert piped == pytest.approx(alone / 2 * 9 / 8, rel=0.05), "2 stages and 8 parts: a ninth is idle"
    assert share > 0.15, "two all-reduces a layer over PCIe"
    assert split > alone / 2
    _, fast = step_time(LLAMA7, DEVICES["H100"], ParallelDims(1, 1, 2), "bfloat16", 16_384, 128)
    assert fast < 0.12


def test_a_job_is_planned_by_what_is_known_of_it(monkeypatch):
    monkeypatch.setattr(hardware, "_memory", lambda: (16e9, 0.0))  # the memory of a machine that is not here
    spec = ModelSpec("fake/echo", "text-classification", "duomo.testing.fakes:EchoModel", "", "", params=10**8)
    job = Job(spec, spec.task, spec.name, None, "", "")
    assert plan_for_job(job, ("cpu", "cpu")).executor == "inline"
    many = plan_for_job(job, ("cpu", "cpu"), items=10**7)
    assert (many.executor, many.dims.dp, many.devices) == ("local", 2, ("cpu", "cpu"))
    strange = plan_for_job(job, ("mps",))
    assert (strange.executor, strange.devices) == ("inline", ("mps",))
    assert "nothing is known of the speed of 'mps'" in strange.reasons[0]


def test_devices_are_named_as_people_name_them():
    assert describe(parse_devices("8xh100")) == "8xH100"
    assert describe(parse_devices("2xA10, 2xT4")) == "2xA10,2xT4"
    assert describe(parse_devices("A100")) == "1xA100-80"
    assert describe(parse_devices("cpu:4")) == "cpu:4"
    assert parse_devices("auto")
    assert all(record["source"] for record in facts(tuple(DEVICES.values())))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("8xH10", UsageProblem, ("no device 'H10'", "--devices 8xH100")),
        ("8xA1O", UsageProblem, ("no device 'A1O'", "Did you mean 'A10'")),
        ("", UsageProblem, ("is known", "--devices 8xH100")),
        ("0xH100", UsageProblem, ("'0xH100' is not a number of devices",)),
        ("99999xH100", UsageProblem, ("is not a number of devices", "8xH100")),
        ("cpu:0", UsageProblem, ("'cpu:0' is not a number of cores", "cpu:2")),
        ("cpu:x", UsageProblem, ("no device 'cpu:x'",)),
        ("8xH100,cpu", UsageProblem, ("mixes the CPU with accelerators", "--devices 8xH100")),
        ("cuda:77", DeviceUnavailable, ("no device 'cuda:77' here", "this machine has")),
        ("2*T4", UsageProblem, ("no device '2*T4'", "Known are")),
    ],
)
def test_devices_that_mean_nothing_are_answered_with_the_nearest(text, error, words):
    with pytest.raises(error) as caught:
        parse_devices(text)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"objective": "speed"}, "no objective 'speed'"), ({"dtype": "int8"}, "no dtype 'int8'")],
)
def test_options_that_are_none_are_refused(options, words):
    with pytest.raises(DuomoError, match=words):
        make_plan(BERT, parse_devices("8xH100"), **options)


def test_a_gpu_is_known_by_what_its_driver_calls_it():
    for name, memory, kind in (
        ("NVIDIA H100 80GB HBM3", 85e9, "H100"),
        ("NVIDIA A100-SXM4-40GB", 42e9, "A100-40"),
        ("NVIDIA A100 80GB PCIe", 85e9, "A100-80"),
        ("NVIDIA A10", 24e9, "A10"),
        ("Tesla T4", 16e9, "T4"),
        ("NVIDIA GeForce RTX 4090", 25e9, "RTX4090"),
    ):
        assert hardware._like(name, memory).kind == kind  # a device that is not here
        assert hardware._like(name, memory).memory == memory  # a device that is not here
    strange = hardware._like("Radeon 9", 16e9)  # a device that is not here
    assert "no data sheet" in strange.source
