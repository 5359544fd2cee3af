"""Whether bytes are a JPEG that holds a picture and nothing else: the node looks at what intake says it re-encoded."""

_START, _SCAN, _END = 0xD8, 0xDA, 0xD9
# Tables, frame, restart interval, scan, and the JFIF head; no EXIF, no profile, no comment.
_PLAIN = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xE0, _SCAN})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_SHORTEST = 4


def is_plain_jpeg(raw: bytes) -> bool:
    """Say whether it begins and ends as a JPEG, and has no segment in which something other than pixels can stand."""
    if len(raw) < _SHORTEST or raw[:2] != bytes((0xFF, _START)) or raw[-2:] != bytes((0xFF, _END)):
        return False
    at = 2
    while at + _SHORTEST <= len(raw):
        if raw[at] != 0xFF:  # noqa: PLR2004 - the first byte of every marker
            return False
        kind = raw[at + 1]
        if kind == _END:
            return at + 2 == len(raw)
        if kind not in _PLAIN:
            return False
        length = int.from_bytes(raw[at + 2 : at + 4], "big")
        at += 2 + length
        if kind == _SCAN:
            at = _after_scan(raw, at)
    return raw[at:] == bytes((0xFF, _END))


def _after_scan(raw: bytes, at: int) -> int:
    """Find the first marker behind the pixels of a scan."""
    while (found := raw.find(b"\xff", at)) >= 0 and found + 1 < len(raw):
        if raw[found + 1] != 0 and raw[found + 1] not in _WITHOUT_LENGTH:
            return found
        at = found + 2
    return len(raw)
