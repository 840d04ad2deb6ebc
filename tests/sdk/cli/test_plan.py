"""``duomo plan``: for people, for programs, and for those who ask for what cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from duomo import default_catalog
from duomo.errors import WrongTask
from duomo.testing.fakes import EchoModel, echo_spec
from duomo.training.starts import check_trainable


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A folder with nothing but the configuration of BERT-base with two layers."""
    config = transformers.BertConfig(num_hidden_layers=2, architectures=["BertForSequenceClassification"])
    (tmp_path / "config.json").write_text(config.to_json_string())
    return tmp_path


def test_a_plan_for_hardware_that_is_not_here_is_given_with_reasons(duomo: Any, bert: Path) -> None:
    shown = duomo("plan", f"{bert}/config.json", "--devices", "8xH100").stdout
    assert "on 8xH100, in float32, for throughput" in shown
    assert "parallel    dp=8" in shown
    assert "it fits on one device" in shown
    assert "tp=8: 12 heads are not divisible by 8" in shown
    assert "Times are arithmetic, not measurements" in shown


def test_a_program_gets_one_record(duomo: Any, bert: Path) -> None:
    record = json.loads(
        duomo("plan", str(bert / "config.json"), "--devices", "2xA10,2xT4", "--dtype", "bfloat16", "-o", "json").stdout
    )
    assert record["schema"] == "duomo.plan/1"
    assert record["dims"] == {"dp": 4, "pp": 1, "tp": 1}
    assert record["devices"] == ["A10", "A10", "T4", "T4"]
    assert [each["kind"] for each in record["hardware"]] == ["A10", "T4"]
    assert all(each["source"] for each in record["hardware"])
    assert record["profile"]["layers"] == 2
    assert record["predicted"]["memory_gb"] <= record["predicted"]["room_gb"]
    assert record["simulation"] is None
    assert record["reasons"]
    assert record["rejected"]


def test_two_cores_stay_in_line_until_processes_pay(duomo: Any, bert: Path) -> None:
    file = str(bert / "config.json")
    shown = duomo("plan", file, "--devices", "cpu:2").stdout
    assert "executor    inline" in shown
    assert "how many items there will be is not known" in shown
    assert "pays from" in shown
    assert "executor    inline" in duomo("plan", file, "--devices", "cpu:2", "--items", "20").stdout
    assert "executor    local" in duomo("plan", file, "--devices", "cpu:2", "--items", "1000000").stdout


def test_a_simulation_is_labelled_and_names_its_constants(duomo: Any, bert: Path) -> None:
    args = ("plan", str(bert / "config.json"), "--devices", "8xT4", "--simulate", "16", "--slow", "0.25:0.5")
    shown = duomo(*args, "--items", "20000", "--faults", "0.01").stdout
    assert "simulation (a virtual clock; no device was used)" in shown
    assert "20,000, 0 failed" in shown
    assert "of ideal" in shown
    assert "µs CPU for a batch of" in shown
    assert "units_per_s=" in shown
    record = json.loads(duomo(*args, "--items", "20000", "-o", "json").stdout)["simulation"]
    assert record["simulation"] is True
    assert 0 < record["efficiency"] <= 1
    assert record["devices"] == 16


def test_a_model_of_the_catalog_is_known_by_its_parameters(duomo: Any) -> None:
    big = echo_spec("fake/big", params=3_000_000_000)
    duomo.catalog.models.append(big)
    shown = duomo("plan", "fake/big", "--devices", "1xT4", "--dtype", "bfloat16").stdout
    assert "3,000.0 M parameters are 6.00 GB in bfloat16 (by the number of parameters alone" in shown
    assert EchoModel.batch_size == 4, "and nothing was loaded"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("fake/ecko",), 4, "no model named 'fake/ecko'"),
        (("fake/echo",), 2, "nothing is known of the size of 'fake/echo'"),
        (("fake/family",), 2, "loads checkpoints that you name"),
        (("no/such",), 2, "'no/such' could mean several things"),
        (("hf:no/such",), 4, "'hf:no/such' is not on this disk"),
        (("dir:/no/such",), 1, "no config.json at"),
        (("/no/such/config.json",), 1, "no config.json at"),
        (("BERT", "--devices", "8xH10"), 2, "--devices 8xH100"),
        (("BERT", "--devices", "cuda:9"), 4, "no device 'cuda:9' here"),
        (("BERT", "--objective", "speed"), 2, "'speed' is not one of"),
        (("BERT", "--simulate", "0"), 2, "0 is not in the range"),
        (("BERT", "--simulate", "4", "--slow", "half"), 2, "'half' is not SHARE:SPEED, such as 0.1:0.5"),
        (("BERT", "--simulate", "4", "--slow", "0.1:2"), 2, "is not SHARE:SPEED"),
        (("BERT", "--slow", "0.1:0.5"), 2, "are of a simulation: --simulate N"),
    ],
)
def test_what_cannot_be_planned_says_what_to_type(
    duomo: Any, bert: Path, args: tuple[str, ...], code: int, words: str
) -> None:
    done = duomo("plan", *(str(bert / "config.json") if each == "BERT" else each for each in args))
    assert done.exit_code == code
    assert words in done.stderr


def test_a_model_that_fits_nowhere_ends_with_numbers(duomo: Any, tmp_path: Path) -> None:
    config = transformers.LlamaConfig(num_hidden_layers=8, architectures=["LlamaForCausalLM"])
    (tmp_path / "config.json").write_text(config.to_json_string())
    done = duomo("plan", str(tmp_path / "config.json"), "--devices", "1xT4", "--length", "4000", "-o", "json")
    assert done.exit_code == 0, "1.9 billion parameters go into 16 GB"
    config = transformers.LlamaConfig(num_hidden_layers=32, architectures=["LlamaForCausalLM"])
    (tmp_path / "config.json").write_text(config.to_json_string())
    done = duomo("plan", str(tmp_path / "config.json"), "--devices", "1xT4", "-o", "json")
    assert done.exit_code == 4
    assert "E-FIT" in done.stderr
    assert "27.0 GB of weights in float32" in done.stderr
    assert "--devices 1xA100-40" in done.stderr
    assert json.loads(done.stdout)[0]["error"]["code"] == "E-FIT"


def test_a_checkpoint_whose_family_cannot_split_it_is_only_copied(duomo: Any, bert: Path) -> None:
    shown = duomo("plan", f"dir:{bert}", "--devices", "8xH100").stdout
    assert "tp=" not in shown


def test_what_training_takes_is_shown_and_given_to_programs(duomo: Any, bert: Path) -> None:
    shown = duomo("plan", f"{bert}/config.json", "--devices", "2xA10", "--train", "all").stdout
    assert "trained (all) on 2xA10, float32, AdamW" in shown
    assert [line.split()[0] for line in shown.splitlines() if " fits, " in line] == ["dp=1", "dp=2", "tp=2"]
    record = json.loads(duomo("plan", f"{bert}/config.json", "--devices", "2xA10", "--train", "1", "-o", "json").stdout)
    first = record["ways"][0]
    assert first["fits"]
    assert first["optimizer"] == 2 * first["gradients"]
    again = ("plan", f"{bert}/config.json", "--devices", "2xA10", "--recompute")
    ways = json.loads(duomo(*again, "--train", "2", "-o", "json").stdout)["ways"]
    assert ways[0]["activations"] < 2 * first["activations"]
    assert "--train all" in duomo(*again).stderr


def test_what_training_cannot_be_planned_is_refused(duomo: Any, bert: Path) -> None:
    found = duomo("plan", f"{bert}/config.json", "--devices", "2xA10", "--train", "lora")
    assert found.exit_code == 2
    assert "1 to 2" in found.stderr


def test_a_model_that_cannot_be_trained_has_no_plan_of_training() -> None:
    with pytest.raises(WrongTask, match="'nlp/vader' cannot be trained") as caught:
        check_trainable("nlp/vader", default_catalog())
    assert "-m nlp/minilm" in caught.value.fix
    check_trainable("nlp/minilm", default_catalog())
