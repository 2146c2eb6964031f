"""The other ways to get tokens, each played and checked like the nine steps, and each in a module of its own."""

from collections.abc import Callable

from simulation.cast import Cast
from simulation.flows import client_credentials, device, introspection, token_exchange
from simulation.stage import Stage
from simulation.steps import Flow

Play = Callable[[Cast, Stage], None]

FLOWS: dict[str, tuple[Flow, Play]] = {
    module.FLOW.name: (module.FLOW, module.play)
    for module in (client_credentials, device, token_exchange, introspection)
}
