"""The files of deploy/ say only what the server has: metrics, options and paths."""

import json
import re
from pathlib import Path

import pytest
import yaml

from duomo.cli.serve import command

DEPLOY = Path(__file__).parents[3] / "deploy"
NAME = re.compile(r"\bduomo_[a-z_]+")


def expressions() -> list[str]:
    board = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))
    alerts = yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return shown + [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]


def test_the_board_and_the_alerts_name_metrics_that_a_server_has(serve):
    client = serve()
    client.post("/v1/tasks/text-classification", json={"input": "hello"})
    served = set(NAME.findall(client.get("/metrics").text))
    named = {name for each in expressions() for name in NAME.findall(each)}
    assert len(named) >= 8
    # What has not counted yet shows only its help, under the name without _total.
    unseen = {name for name in named - served if name.removesuffix("_total") not in served}
    assert unseen == set()


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.yaml")), ids=lambda path: path.name)
def test_the_yaml_is_read(path):
    assert all(yaml.safe_load_all(path.read_text("utf-8")))


@pytest.mark.parametrize("file", ["Containerfile", "duomo.service"])
def test_the_command_lines_have_options_that_exist(file):
    options = {name for param in command.params for name in param.opts}
    text = (DEPLOY / file).read_text("utf-8")
    lines = [line for line in text.splitlines() if "serve" in line and not line.startswith(("#", "RUN", " "))]
    used = {name for line in lines for name in re.findall(r"--[a-z-]+", line)}
    assert used
    assert used <= options


def test_probes_ask_for_paths_that_need_no_token(serve):
    client = serve(token="secret")
    text = (DEPLOY / "kubernetes.yaml").read_text("utf-8")
    for path in re.findall(r"path: (/\w+)", text):
        assert client.get(path).status_code == 200, path
