"""What the plugin registers is true of what is installed."""

import importlib
import importlib.metadata

import pytest
from packaging.requirements import Requirement

from duomo.specs import ModelSpec
from duomo.weights import locate, verify
from duomo_nlp.plugin import plugin

OWN = [spec for spec in plugin.register_models() if not spec.is_family]


@pytest.mark.embedded
def test_every_model_states_licence_limits_and_a_loader_that_exists() -> None:
    for spec in plugin.register_models():
        assert spec.license
        assert spec.limits
        module, _, name = spec.loader.partition(":")
        assert name in vars(importlib.import_module(module))


@pytest.mark.embedded
@pytest.mark.parametrize("spec", OWN, ids=lambda spec: f"{spec.name} {spec.task}")
def test_digest_and_size_are_those_of_the_installed_file(spec: ModelSpec) -> None:
    verify(spec)
    path = locate(spec).path
    assert (path.stat().st_size if path is not None else 0) == spec.size  # rules alone have no file


@pytest.mark.embedded
@pytest.mark.parametrize("spec", OWN, ids=lambda spec: f"{spec.name} {spec.task}")
def test_packages_are_pinned_with_a_hash_to_what_is_installed(spec: ModelSpec) -> None:
    for line in spec.packages:
        pinned, _, digest = line.partition(" --hash=sha256:")
        requirement = Requirement(pinned)
        assert requirement.specifier.contains(importlib.metadata.version(requirement.name))
        assert len(bytes.fromhex(digest)) == 32
