"""The Merkle tree of RFC 6962 over the records of one frame: leaf 0x00 || record, node 0x01 || left || right."""

import hashlib
from collections.abc import Sequence


def leaf_hash(record: bytes) -> bytes:
    """The hash that stands for one record's bytes."""
    return hashlib.sha256(b"\x00" + record).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(records: Sequence[bytes]) -> bytes:
    """The hash that binds all records and their order; of no record at all, the hash of nothing."""
    if not records:
        return hashlib.sha256(b"").digest()
    digest = hashlib.sha256
    level = [digest(b"\x00" + record).digest() for record in records]
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """One level up; an odd last node rises unchanged, which gives the same tree as RFC 6962's recursion."""
    digest = hashlib.sha256
    above = [digest(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def merkle_proof(records: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The sibling hashes from the record at `index` up to the root."""
    if not 0 <= index < len(records):
        raise IndexError(index)
    level = [leaf_hash(record) for record in records]
    path = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index //= 2
    return tuple(path)


def root_from_proof(record: bytes, index: int, count: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to for the record at `index` of `count`; None if the proof has the wrong shape."""
    if not 0 <= index < count:
        return None
    digest = leaf_hash(record)
    left = list(proof)
    while count > 1:
        if index ^ 1 < count:
            if not left:
                return None
            sibling = left.pop(0)
            digest = _node_hash(sibling, digest) if index % 2 else _node_hash(digest, sibling)
        index //= 2
        count = (count + 1) // 2
    return None if left else digest
