"""Frames of one stream as one unbroken chain, epoch after epoch."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .frames import NO_HASH, Frame
from .verdict import Damaged


def check_epoch(frames: Sequence[Frame]) -> None:
    """Damaged unless these frames are one chain from its genesis, without a gap."""
    first = frames[0].header
    if first.frame_no != 0 or first.genesis is None:
        raise Damaged("GAP", f"the epoch begins with frame {first.frame_no}, not with its genesis")
    if first.prev_frame_hash != first.genesis.frame_hash or first.first_seq != 1:
        raise Damaged("GENESIS", "the genesis contradicts itself")
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


def check_epochs(epochs: Mapping[bytes, Sequence[Frame]]) -> None:
    """Damaged unless the epochs follow each other, each beginning where another one ended, none beside another."""
    begun = 0
    followed: set[bytes] = set()
    for frames in epochs.values():
        genesis = frames[0].header.genesis
        if genesis is None:
            raise Damaged("GENESIS", "an epoch without a genesis")
        if not genesis.epoch:
            begun += 1
            if genesis.frame_hash != NO_HASH:
                raise Damaged("GENESIS", "the genesis contradicts itself")
            continue
        before = epochs.get(genesis.epoch)
        if before is None:
            raise Damaged("GAP", "an epoch is missing")
        if genesis.epoch in followed:
            raise Damaged("FORK", "two epochs begin where the same one ended")
        followed.add(genesis.epoch)
        last = before[-1]
        if (last.header.frame_no, last.digest) != (genesis.frame_no, genesis.frame_hash):
            raise Damaged("GAP", f"an epoch ended with frame {genesis.frame_no}, here with {last.header.frame_no}")
    if begun != 1 or len(followed) != len(epochs) - 1:
        raise Damaged("FORK", f"{begun} epochs begin the stream")
