"""Which streams may travel between two neighbours: the one rule that sender and receiver both ask."""

from federation.frame import StreamKey
from federation.ledger import PARENT, UP, Lane, bypass, down
from pki.registry import Registry


def may_travel(registry: Registry, stream: StreamKey, *, sender: str, receiver: str) -> bool:
    """Whether the registry lets `sender` bring that stream to `receiver`.

    Upwards go a centre's own streams and, to every ancestor, those that its descendants address to all above them.
    Downwards goes only the chain that a parent keeps for that child. Past the parent, to the one above it, goes nothing
    but the urgent chain that a centre keeps for its bypass.
    """
    if registry.parent_of(receiver) == sender:
        return stream.origin == sender and stream.audience == down(receiver)
    if is_past_parent(registry, sender, receiver):
        return stream == StreamKey(sender, Lane.URGENT.value, bypass(receiver))
    if registry.parent_of(sender) != receiver:
        return False
    if stream.origin == sender:
        return stream.audience in (UP, PARENT)
    return stream.audience == UP and registry.is_descendant(stream.origin, sender)


def origins_between(registry: Registry, one: str, other: str) -> list[str]:
    """Whose streams may travel between two neighbours, either way: both, and who stands below the lower of them."""
    lower = other if registry.parent_of(other) == one else one
    below = (centre.name for centre in registry.centres if registry.is_descendant(centre.name, lower))
    return [one, other, *below]


def grandparent_of(registry: Registry, name: str) -> str | None:
    """The centre above the parent, whom a bypass may reach; nobody where that one is not active."""
    parent = registry.parent_of(name)
    found = registry.parent_of(parent) if parent else None
    entry = registry.centre(found) if found else None
    return found if entry is not None and entry.state == "active" else None


def is_past_parent(registry: Registry, sender: str, receiver: str) -> bool:
    """Whether the receiver stands two steps above the sender."""
    return grandparent_of(registry, sender) == receiver


def top_of(registry: Registry, name: str) -> str | None:
    """The centre above all others of that branch; nobody above the top itself."""
    found, above = None, registry.parent_of(name)
    while above is not None:
        found, above = above, registry.parent_of(above)
    return found


def step_towards(registry: Registry, name: str, descendant: str) -> str | None:
    """The child of `name` on the way down to a descendant, which may be that child itself."""
    below: str | None = descendant
    while below is not None and (above := registry.parent_of(below)) != name:
        below = above
    return below


def ahead_code(registry: Registry, *, sender: str, receiver: str) -> str:
    """What to call a receiver that holds more of a stream than its sender has."""
    return "PARENT_AHEAD" if registry.is_descendant(sender, receiver) else "CHILD_AHEAD"


def rollback_code(registry: Registry, *, sender: str, receiver: str) -> str:
    """What to call a receiver that holds less than it acknowledged."""
    return "PARENT_ROLLBACK" if registry.is_descendant(sender, receiver) else "CHILD_ROLLBACK"
