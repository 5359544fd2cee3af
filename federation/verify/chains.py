"""Frames of one stream as one unbroken chain, epoch after epoch."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .frames import NO_HASH, Frame
from .verdict import Damaged


def check_epoch(frames: Sequence[Frame], *, is_cut: bool = False) -> None:
    """Damaged unless these frames are one chain from its genesis, without a gap; `is_cut`: or from a later one."""
    first = frames[0].header
    if first.genesis is None and not is_cut:
        raise Damaged("GAP", f"the epoch begins with frame {first.frame_no}, not with its genesis")
    if first.genesis is None:
        check_links(frames)
        return
    if first.prev_frame_hash != first.genesis.frame_hash or first.first_seq != 1:
        raise Damaged("GENESIS", "the genesis contradicts itself")
    check_links(frames)


def check_links(frames: Sequence[Frame]) -> None:
    """Damaged unless each frame follows the one before it."""
    for before, frame in pairwise(frames):
        above, header = before.header, frame.header
        if (header.origin, header.lane, header.audience, header.epoch) != (
            above.origin,
            above.lane,
            above.audience,
            above.epoch,
        ):
            raise Damaged("STREAM", "a frame of another stream stands between these")
        if header.frame_no != above.frame_no + 1:
            raise Damaged("GAP", f"frame {header.frame_no} follows frame {above.frame_no}")
        if header.prev_frame_hash != before.digest:
            raise Damaged("CHAIN", f"frame {header.frame_no} does not follow the frame {above.frame_no} that is here")
        if header.first_seq != above.first_seq + above.count:
            raise Damaged("COUNT", f"frame {header.frame_no} does not count on from frame {above.frame_no}")
    rids = [record.rid for frame in frames for record in frame.records]
    if len(set(rids)) != len(rids):
        raise Damaged("DOUBLED", "a record stands twice in one epoch")


def check_epochs(epochs: Mapping[bytes, Sequence[Frame]], *, is_cut: bool = False) -> Frame:
    """The first frame; Damaged unless the epochs follow each other from one beginning, none beside another.

    `is_cut`: the beginning may be any frame, or a genesis whose epoch before is not here.
    """
    first: list[Frame] = []
    followed: set[bytes] = set()
    for frames in epochs.values():
        genesis = frames[0].header.genesis
        before = epochs.get(genesis.epoch) if genesis else None
        if is_begin(frames[0]) or (is_cut and before is None):
            first.append(frames[0])
            continue
        if genesis is None:
            raise Damaged("GENESIS", "an epoch without a genesis")
        if before is None:
            raise Damaged("GAP", "an epoch is missing")
        if genesis.epoch in followed:
            raise Damaged("FORK", "two epochs begin where the same one ended")
        followed.add(genesis.epoch)
        last = before[-1]
        if (last.header.frame_no, last.digest) != (genesis.frame_no, genesis.frame_hash):
            raise Damaged("GAP", f"an epoch ended with frame {genesis.frame_no}, here with {last.header.frame_no}")
    if len(first) != 1 or len(followed) != len(epochs) - 1:
        raise Damaged("FORK", f"{len(first)} epochs begin the stream")
    return first[0]


def is_begin(frame: Frame) -> bool:
    """Whether it is the very first frame of its stream; Damaged for one that says so and names a frame before it."""
    genesis = frame.header.genesis
    if genesis is None or genesis.epoch:
        return False
    if genesis.frame_hash != NO_HASH:
        raise Damaged("GENESIS", "the genesis contradicts itself")
    return True
