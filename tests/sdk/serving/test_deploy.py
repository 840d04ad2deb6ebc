"""The files of deploy/ say only what the server has: metrics, options and paths."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

import duomo
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


def settings_of(tmp_path: Path, text: str) -> dict[str, object]:
    """What ``duomo serve --config`` makes of a file."""
    path = tmp_path / "serve.toml"
    path.write_text(text, "utf-8")
    return command.make_context(
        "serve", ["--config", str(path), "--port", "1"], help_option_names=["-h", "--help"]
    ).params


def test_a_file_of_settings_has_the_names_of_the_options_and_the_command_line_wins(tmp_path):
    found = settings_of(tmp_path, (DEPLOY / "serve.toml").read_text("utf-8"))
    assert found["tasks"] == ("text-classification", "feature-extraction")
    assert (found["port"], found["most_wait"], found["stop_after"], found["log"]) == (1, 10.0, 30, Path("-"))
    found = settings_of(tmp_path, 'tasks = ["a"]\nadapter = ["b"]\nno-token = true\nhost-name = ["c"]\n')
    assert (found["adapters"], found["no_token"], found["hosts"]) == (("b",), True, ("c",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("most-wiat = 1", "'most-wait'"),
        ("port = [1]", "must be one value"),
        ('tasks = "a"', 'tasks = ["…"]'),
        ("[serve]\nport = 1", "unknown setting 'serve'"),
        ("port = ", "cannot be read"),
        ('config = "other.toml"', "unknown setting 'config'"),
        ('no-token = "yes"', "must be true or false"),
        ("max-body = true", "must be one value"),
    ],
)
def test_a_setting_that_is_none_is_named(tmp_path, text, words):
    with pytest.raises(duomo.DuomoError) as caught:
        settings_of(tmp_path, text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('port = "many"', "'many' is not a valid integer"),
        ("max-items = 3.7", "'3.7' is not a valid integer"),
        ("most-wait = nan", "'nan' is not a finite number"),
        ("slo = inf", "'inf' is not a finite number"),
    ],
)
def test_a_setting_of_another_kind_is_named(tmp_path, text, words):
    path = tmp_path / "serve.toml"
    path.write_text(text, "utf-8")
    done = CliRunner().invoke(command, ["--config", str(path)])
    assert words in done.output


POD = {"type": "object", "required": ["terminationGracePeriodSeconds", "containers"], "properties": {
    "terminationGracePeriodSeconds": {"type": "integer", "minimum": 31},
    "containers": {"type": "array", "items": {"type": "object", "required": [
        "name", "image", "args", "ports", "readinessProbe", "livenessProbe", "startupProbe", "resources"],
        "additionalProperties": False, "properties": {
            "name": {"type": "string"}, "image": {"type": "string"},
            "args": {"type": "array", "items": {"type": "string"}},
            "env": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            "ports": {"type": "array", "items": {"type": "object", "required": ["containerPort"]}},
            "resources": {"type": "object", "properties": {"requests": {"type": "object"}}},
            **{probe: {"type": "object", "required": ["httpGet"], "additionalProperties": False, "properties": {
                "httpGet": {"type": "object", "required": ["path", "port"]},
                **{name: {"type": "integer"} for name in ("failureThreshold", "periodSeconds", "timeoutSeconds")}}}
               for probe in ("startupProbe", "readinessProbe", "livenessProbe")}}}}}}  # fmt: skip
DEPLOYMENT = {"type": "object", "required": ["apiVersion", "kind", "metadata", "spec"], "properties": {
    "apiVersion": {"const": "apps/v1"}, "kind": {"const": "Deployment"},
    "spec": {"type": "object", "required": ["selector", "template"], "properties": {
        "template": {"type": "object", "required": ["metadata", "spec"], "properties": {"spec": POD}}}}}}  # fmt: skip
SERVICE = {"type": "object", "properties": {
    "apiVersion": {"const": "v1"}, "kind": {"const": "Service"},
    "spec": {"type": "object", "required": ["selector", "ports"]}}}  # fmt: skip
COMPOSE = {"type": "object", "additionalProperties": False, "required": ["services"], "properties": {
    "volumes": {"type": "object"}, "secrets": {"type": "object"},
    "services": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": False,
        "anyOf": [{"required": ["image"]}, {"required": ["build"]}], "properties": {
            "image": {"type": "string", "pattern": ":[0-9v]"}, "build": {"type": ["object", "string"]},
            "environment": {"type": ["object", "array"]}, "ports": {"type": "array", "items": {"type": "string"}},
            "volumes": {"type": "array", "items": {"type": "string"}}, "depends_on": {"type": ["array", "object"]},
            "secrets": {"type": "array"}, "command": {}, "stop_grace_period": {"type": "string"},
            "healthcheck": {"type": "object"}, "restart": {"type": "string"}}}}}}  # fmt: skip
UNIT = {"Unit": {"Description", "After", "Wants"}, "Install": {"WantedBy"}, "Service": {
    "Type", "DynamicUser", "LoadCredential", "Environment", "ExecStartPre", "ExecStart", "KillSignal", "TimeoutStopSec",
    "Restart", "RestartSec", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectSystem", "CacheDirectory",
    "StateDirectory"}}  # fmt: skip


def test_the_cluster_and_the_composition_are_of_their_schemas():
    """The parts of Kubernetes' and Compose's schemas that our files use."""
    deployment, service = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    jsonschema.validate(deployment, DEPLOYMENT)
    jsonschema.validate(service, SERVICE)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    jsonschema.validate(compose, COMPOSE)
    for each in compose["services"].values():
        for volume in each.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source


def test_the_unit_has_known_sections_and_more_time_than_the_server_takes_to_stop():
    section, found = "", {}
    for line in (DEPLOY / "duomo.service").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            assert name in UNIT[section], (section, name)
            found[name] = value
    default = command.make_context("serve", ["text-classification"], help_option_names=["-h", "--help"]).params[
        "stop_after"
    ]
    assert int(found["TimeoutStopSec"]) > default


def test_probes_ask_for_paths_that_need_no_token(serve):
    client = serve(token="secret")
    text = (DEPLOY / "kubernetes.yaml").read_text("utf-8")
    for path in re.findall(r"path: (/\w+)", text):
        assert client.get(path).status_code == 200, path
