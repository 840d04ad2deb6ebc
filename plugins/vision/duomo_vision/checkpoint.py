"""Tensors into a network: whole, or not at all."""

from collections.abc import Mapping

from torch import Tensor, nn

from duomo.weights import check_tensors


def load_state(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy `state` into `network`.

    Raises:
        WeightsMismatch: a tensor is missing, surplus or of the wrong shape; `name` is named in the message.
    """
    own = network.state_dict()
    misshapen = [key for key in own.keys() & state.keys() if own[key].shape != state[key].shape]
    check_tensors(name, own.keys() - state.keys(), state.keys() - own.keys(), misshapen)
    network.load_state_dict(state)
