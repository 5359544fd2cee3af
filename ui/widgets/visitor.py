"""Who looks at a module's page: its way to the node and to the visitor's language."""

from collections.abc import Mapping

from ui import session
from ui.client import Client
from ui.session import Words


def client() -> Client:
    """The node, asked with this visitor's own session."""
    return session.client()


def words(english: Mapping[str, str] | None = None) -> Words:
    """The words of this visitor; a module hands in the English of its own messages."""
    if session.language() == "vi" or not english:
        return session.words()
    ours = session.words()

    def say(message: str, **values: object) -> str:
        return ours(english.get(message, message), **values)

    return say
