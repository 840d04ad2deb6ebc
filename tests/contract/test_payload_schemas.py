"""What adapters take and give is public: its JSON schemas change only together with the file beside this test.

Renew it, and say in the change what users of the adapter must do: ``python tests/contract/test_payload_schemas.py``
"""

import json
from pathlib import Path

import pytest

from duomo import default_catalog
from duomo.adapters import DomainResult, Payload
from duomo.adapters.adapting import adapter_class
from duomo.errors import RequirementMissing

SNAPSHOT = Path(__file__).with_name("payload_schemas.json")
OWN = {path.name for path in (Path(__file__).parents[2] / "plugins").iterdir()}
ENVELOPE = "every adapter"


def plain(schema):
    """A schema without its prose, which may be bettered at any time."""
    if isinstance(schema, dict):
        return {name: plain(each) for name, each in schema.items()
                if not (name in ("title", "description") and isinstance(each, str))}  # fmt: skip
    return [plain(each) for each in schema] if isinstance(schema, list) else schema


def schemas_of(spec):
    cls = adapter_class(spec)
    takes = getattr(cls.Input, "model_json_schema", None)
    return {"input": plain(takes()) if takes is not None else None, "output": plain(cls.Output.model_json_schema())}


def own_specs():
    return [spec for spec in default_catalog().adapters.values() if spec.name.partition("/")[0] in OWN]


def renew():
    schemas = {spec.name: schemas_of(spec) for spec in own_specs()}
    schemas[ENVELOPE] = {"result": plain(DomainResult[Payload].model_json_schema())}
    lines = (f"{json.dumps(name)}: {json.dumps(schemas[name], sort_keys=True)}" for name in sorted(schemas))
    SNAPSHOT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


@pytest.fixture(scope="module")
def snapshot():
    return json.loads(SNAPSHOT.read_text())


@pytest.mark.parametrize("spec", own_specs(), ids=lambda spec: spec.name)
def test_what_an_adapter_takes_and_gives_is_as_published(spec, snapshot):
    try:
        found = schemas_of(spec)
    except RequirementMissing as error:
        pytest.skip(error.fix)
    assert found == snapshot.get(spec.name), "renew the snapshot: python tests/contract/test_payload_schemas.py"


def test_the_envelope_is_as_published(snapshot):
    assert plain(DomainResult[Payload].model_json_schema()) == snapshot[ENVELOPE]["result"]


def test_no_adapter_of_an_installed_plugin_is_gone(snapshot):
    here = {spec.name for spec in own_specs()}
    installed = {name.partition("/")[0] for name in here}
    gone = {name for name in snapshot if name.partition("/")[0] in installed} - here
    assert not gone, f"adapters are public: {', '.join(sorted(gone))} had users"


def test_prose_is_no_part_of_a_schema_and_a_field_called_title_is():
    assert plain(
        {"title": "A", "properties": {"title": {"title": "Title", "type": "string"}}, "required": ["title"]}
    ) == {
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
    }


if __name__ == "__main__":
    renew()
