"""What a node is among the others: its settings, its keys and the registry must tell the same story."""

from node.settings import Settings, SettingsError
from node.territory import Centre
from pki.keystore import Keystore
from pki.registry import Registry


def own_centre(settings: Settings, keystore: Keystore, registry: Registry) -> Centre:
    """Give this node's centre, or raise SettingsError where the settings contradict the keys."""
    problem = standing_problem(settings, keystore, registry)
    if problem:
        raise SettingsError([problem])
    node = settings.node
    parent = registry.parent_of(keystore.name)
    return Centre(keystore.name, node.code, node.title, node.tier, area_code=node.code, parent=parent)


def standing_problem(settings: Settings, keystore: Keystore, registry: Registry) -> str | None:
    """Say in one sentence what does not fit together."""
    entry = registry.centre(keystore.name)
    if entry is None:
        return f"the keys in {settings.keys} belong to {keystore.name}, which the registry does not know"
    if entry.code != settings.node.code:
        return f"node.code: is {settings.node.code}, but the keys in {settings.keys} are those of centre {entry.code}"
    if settings.parent and registry.parent_of(keystore.name) is None:
        return "parent: is given, but the registry says that this centre has no parent; remove the section"
    return None
