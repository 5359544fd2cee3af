"""Which streams may travel between two neighbours: the one rule that sender and receiver both ask."""

from federation.frame import StreamKey
from federation.ledger import PARENT, UP, down
from pki.registry import Registry


def may_travel(registry: Registry, stream: StreamKey, *, sender: str, receiver: str) -> bool:
    """Whether the registry lets `sender` bring that stream to `receiver`.

    Upwards go a centre's own streams and, to every ancestor, those that its descendants address to all above them.
    Downwards goes only the chain that a parent keeps for that child.
    """
    if registry.parent_of(receiver) == sender:
        return stream.origin == sender and stream.audience == down(receiver)
    if registry.parent_of(sender) != receiver:
        return False
    if stream.origin == sender:
        return stream.audience in (UP, PARENT)
    return stream.audience == UP and registry.is_descendant(stream.origin, sender)


def ahead_code(registry: Registry, *, sender: str, receiver: str) -> str:
    """What to call a receiver that holds more of a stream than its sender has."""
    return "PARENT_AHEAD" if registry.parent_of(sender) == receiver else "CHILD_AHEAD"


def rollback_code(registry: Registry, *, sender: str, receiver: str) -> str:
    """What to call a receiver that holds less than it acknowledged."""
    return "PARENT_ROLLBACK" if registry.parent_of(sender) == receiver else "CHILD_ROLLBACK"
