"""Where a verified frame stands in its chain: next, held already, too early, or against what is held."""

from enum import Enum

from sqlalchemy import Connection

from federation import chain
from federation.frame import NO_HASH, Frame, Genesis


class Place(Enum):
    """The six things a verified frame can be."""

    NEXT = "next"
    HELD = "held"
    GAP = "gap"
    FORK = "fork"
    AHEAD = "ahead"
    LATE = "late"


def follows(head: chain.Chain, frame: Frame) -> bool:
    """Whether a frame is the next of the epoch at the head: the ordinary case, for which no database is asked."""
    header = frame.header
    return (
        header.frame_no == head.frame_no + 1
        and header.prev_frame_hash == head.frame_hash
        and header.epoch == head.epoch
        and header.first_seq == head.next_seq
        and header.genesis is None
        and not head.empty
    )


def judge(  # noqa: PLR0911 - a table of cases, one line each
    connection: Connection, head: chain.Chain, frame: Frame
) -> tuple[Place, str]:
    """Compare a frame with the chain that is held; the reason is empty where nothing is wrong."""
    header = frame.header
    is_beyond = header.epoch == head.epoch and header.frame_no > head.frame_no  # the ordinary case asks no database
    held = None if head.empty or is_beyond else chain.find(connection, head, header.epoch, header.frame_no)
    if held is not None:
        if held.frame_hash == frame.hash:
            return Place.HELD, ""
        return Place.FORK, f"another frame {header.frame_no} of this epoch is held"
    if header.genesis is not None:
        return _judge_genesis(connection, head, frame, header.genesis)
    if head.empty or header.epoch != head.epoch:
        if not head.empty and chain.knows_epoch(connection, head, header.epoch):
            return Place.LATE, "an epoch that had ended goes on: a frame of before a restore came late"
        return Place.GAP, ""
    if header.frame_no != head.frame_no + 1:
        return Place.GAP, ""
    if header.prev_frame_hash != head.frame_hash:
        return Place.FORK, f"frame {header.frame_no} follows another frame than the one held"
    if header.first_seq != head.next_seq:
        return Place.FORK, f"frame {header.frame_no} counts its records from {header.first_seq}, not {head.next_seq}"
    return Place.NEXT, ""


def _judge_genesis(  # noqa: PLR0911 - a table of cases, one line each
    connection: Connection, head: chain.Chain, frame: Frame, genesis: Genesis
) -> tuple[Place, str]:
    header = frame.header
    if header.prev_frame_hash != genesis.frame_hash or header.first_seq != 1:
        return Place.FORK, "a genesis contradicts itself"
    if not genesis.epoch:
        if not head.empty:
            return Place.AHEAD, "the origin begins anew, but frames of it are held"
        return (Place.NEXT, "") if genesis.frame_hash == NO_HASH else (Place.FORK, "a genesis contradicts itself")
    if head.empty:
        return Place.GAP, ""
    if (genesis.epoch, genesis.frame_no) == (head.epoch, head.frame_no):
        if genesis.frame_hash == head.frame_hash:
            return Place.NEXT, ""
        return Place.FORK, "a new epoch follows another frame than the one held"
    before = chain.find(connection, head, genesis.epoch, genesis.frame_no)
    if before is None:
        return Place.GAP, ""
    if before.frame_hash != genesis.frame_hash:
        return Place.FORK, "a new epoch follows another frame than the one held"
    return Place.AHEAD, f"the origin begins a new epoch after frame {genesis.frame_no}, but later frames are held"
