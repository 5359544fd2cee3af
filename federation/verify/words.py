"""The words of an incident, where a pack carries their keys: opened out of the cipher text that a centre signed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import wire
from .frames import Record
from .verdict import Damaged, Words

_KINDS = frozenset({"incident.alert", "incident.offer", "incident.withdraw", "incident.status"})
_NONCE_BYTES = 12
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one incident; empty where a pack has none."""

    incident: bytes
    words: bytes = field(repr=False)
    picture: bytes = field(repr=False)


def read_keys(raw: bytes, named: str, subject: str) -> Keys:
    """The keys in a member; Damaged if they are none, or those of another incident."""
    message = wire.read(raw)
    keys = Keys(message.string(1), message.string(2), message.string(3))
    if {keys.incident.hex(), named} != {subject} or {len(keys.words), len(keys.picture)} - {0, _KEY_BYTES}:
        raise Damaged("WORDS", "the keys cannot be read, or are those of another incident")
    return keys


def open_words(centre: str, record: Record, keys: Keys) -> Iterator[Words]:
    """What a record says in words; Damaged where a key does not open what the centre signed."""
    if record.kind not in _KINDS:
        return
    news = wire.read(record.payload)
    content, step = wire.read(news.string(3)), wire.read(news.string(4))
    if keys.words and content.string(15):
        plain = wire.read(_open(keys.words, content.string(15), keys.incident, "content"))
        yield Words(centre, "title", plain.text(1))
        yield Words(centre, "description", plain.text(2))
    if keys.picture and content.string(16):
        picture = _open(keys.picture, content.string(16), keys.incident, "picture")
        yield Words(centre, "picture", f"{len(picture)} bytes")
    if keys.words and step.string(9):
        act = step.text(1)
        note = _open(keys.words, step.string(9), keys.incident, f"note {act}")
        yield Words(centre, f"note {act}", note.decode("utf-8", "replace"))


def _open(key: bytes, cipher: bytes, incident: bytes, label: str) -> bytes:
    try:
        return AESGCM(key).decrypt(cipher[:_NONCE_BYTES], cipher[_NONCE_BYTES:], incident + label.encode())
    except (InvalidTag, ValueError) as error:
        raise Damaged("WORDS", f"the key does not open what was signed ({label})") from error
