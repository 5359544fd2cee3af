"""The subjects of one parent's NATS server, and who may use which: a child its own two, the parent everybody's.

A connection has a random token of its own as the last part of both its subjects, so the server keeps connections apart.
"""

from pki import names

_ROOT = "lienthong.v1"
ALL_UP = f"{_ROOT}.*.up.*"
ALL_DOWN = f"{_ROOT}.*.down.*"
INBOX = f"{_ROOT}.inbox"
RELOAD = "$SYS.REQ.SERVER.{}.RELOAD"
_PARTS = 5  # lienthong, v1, label, up or down, connection


def label(name: str) -> str:
    """The part of a registry name that is one part of a subject."""
    return name.removesuffix(f".{names.DOMAIN}")


def up(name: str, connection: str = "*") -> str:
    """Where a child speaks to its parent."""
    return f"{_ROOT}.{label(name)}.up.{connection}"


def down(name: str, connection: str = "*") -> str:
    """Where a parent speaks to that child."""
    return f"{_ROOT}.{label(name)}.down.{connection}"


def speaker(subject: str) -> tuple[str, str] | None:
    """The name and the connection that an upward subject belongs to; none for any other subject."""
    parts = subject.split(".")
    name = f"{parts[2]}.{names.DOMAIN}" if len(parts) == _PARTS else ""
    connection = parts[-1]
    return (name, connection) if names.is_centre_name(name) and subject == up(name, connection) else None
