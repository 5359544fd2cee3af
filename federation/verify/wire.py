"""Protocol buffer wire format, read without the library: a second implementation shares no mistake with the first."""

from dataclasses import dataclass, field

from .verdict import Damaged

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_MASK_64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Message:
    """A message's fields as they were written: numbers and byte strings by field number, in order."""

    fields: dict[int, list[int | bytes]] = field(default_factory=dict)

    def numbers(self, number: int) -> list[int]:
        """All integers of one field; Damaged if one of them is a byte string."""
        found = self.fields.get(number, [])
        numbers = [one for one in found if isinstance(one, int)]
        if len(numbers) != len(found):
            raise Damaged("ENCODING", f"field {number} holds bytes where a number belongs")
        return numbers

    def number(self, number: int) -> int:
        """The field's integer; the last one counts, none is 0."""
        found = self.numbers(number)
        return found[-1] if found else 0

    def strings(self, number: int) -> list[bytes]:
        """All byte strings of one field; Damaged if one of them is an integer."""
        found = self.fields.get(number, [])
        strings = [one for one in found if isinstance(one, bytes)]
        if len(strings) != len(found):
            raise Damaged("ENCODING", f"field {number} holds a number where bytes belong")
        return strings

    def string(self, number: int) -> bytes:
        """The field's bytes; the last one counts, none is empty."""
        found = self.strings(number)
        return found[-1] if found else b""

    def text(self, number: int) -> str:
        """The field's bytes as UTF-8; Damaged if they are none."""
        try:
            return self.string(number).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged("ENCODING", f"field {number} is no text") from error


def read(raw: bytes) -> Message:
    """Take a message apart; Damaged if the bytes are none."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        value, at = _value(raw, at, key & 7)
        if key >> 3 == 0:
            raise Damaged("ENCODING", "a field without a number")
        fields.setdefault(key >> 3, []).append(value)
    return Message(fields)


def packed(raw: bytes) -> list[int]:
    """Numbers that stand one after the other, as the library writes a repeated number."""
    found, at = [], 0
    while at < len(raw):
        value, at = _varint(raw, at)
        found.append(value)
    return found


def signed(number: int) -> int:
    """An int64 from its 64 bits on the wire."""
    return number - (1 << 64) if number >> 63 else number


def written(number: int, content: bytes) -> bytes:
    """One field of bytes as the library writes it."""
    return _number(number << 3 | _BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits to a byte
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _value(raw: bytes, at: int, kind: int) -> tuple[int | bytes, int]:
    if kind == _VARINT:
        return _varint(raw, at)
    if kind == _FIXED64:
        return int.from_bytes(_take(raw, at, 8), "little"), at + 8
    if kind == _FIXED32:
        return int.from_bytes(_take(raw, at, 4), "little"), at + 4
    if kind == _BYTES:
        length, at = _varint(raw, at)
        return _take(raw, at, length), at + length
    raise Damaged("ENCODING", f"unknown wire type {kind}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        byte = _take(raw, at + index, 1)[0]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return value & _MASK_64, at + index + 1
    raise Damaged("ENCODING", "a number without an end")


def _take(raw: bytes, at: int, length: int) -> bytes:
    if at + length > len(raw):
        raise Damaged("ENCODING", "the bytes end in the middle of a field")
    return raw[at : at + length]
