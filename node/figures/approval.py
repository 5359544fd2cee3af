"""One step of the two-step approval of a dataset: prepared by one person, approved by another; its codec.

A dataset is what the indicators of one subject say for one period and area. A step names the very states that it speaks
of, by their hashes: a further revision of one of them is not approved by it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from google.protobuf.message import DecodeError

from federation.receiver import Unacceptable
from node.figures.period import Period, PeriodError
from node.v1 import figure_pb2

KIND = "figure.approval"
MOST_STATES = 4000
MARK_BYTES, HASH_BYTES = 16, 32
LONGEST_REASON = 1000
_DOMAIN = b"lienthong.figure.approval.v1\x00"
_DATASET = re.compile(r"[a-z][a-z0-9_]{0,40}")
_AREA = re.compile(r"[0-9]{1,16}")
_LONGEST_NAME, _MOST_WITHOUT, _LARGEST_NUMBER = 200, 1000, 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


class Act(StrEnum):
    """What a person did."""

    PREPARE = "prepare"
    APPROVE = "approve"
    RETURN = "return"
    UNLOCK = "unlock"

    @property
    def label(self) -> str:
        """The Vietnamese words on the screen."""
        return _LABELS[self]


_LABELS = {
    Act.PREPARE: "Đã chuẩn bị, chờ duyệt",
    Act.APPROVE: "Đã duyệt, khóa",
    Act.RETURN: "Trả lại để sửa",
    Act.UNLOCK: "Đã mở khóa",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One step as its centre signs it."""

    dataset: str
    area_code: str
    period: Period
    number: int
    act: Act
    states: tuple[bytes, ...]
    actor: str
    actor_mark: bytes
    reason: str = ""
    without: tuple[str, ...] = ()
    is_after_freeze: bool = False
    at: datetime
    follows: bytes = b""

    @property
    def is_exception(self) -> bool:
        """Whether a rule was set aside, for the reason that stands in it."""
        return bool(self.without) or self.is_after_freeze


def mark_of(centre: str, username: str) -> bytes:
    """What tells two people of a centre apart and does not say who they are to those who do not know the name."""
    return hashlib.sha256(_DOMAIN + centre.encode() + b"\x00" + username.encode()).digest()[:MARK_BYTES]


def approval_hash(raw: bytes) -> bytes:
    """What stands for the bytes of a step."""
    return hashlib.sha256(_DOMAIN + raw).digest()


def encode(one: Approval) -> bytes:
    """The payload of a record."""
    message = figure_pb2.FigureApproval(
        dataset=one.dataset,
        area_code=one.area_code,
        period=one.period.key,
        number=one.number,
        act=one.act.value,
        states=one.states,
        actor=one.actor,
        actor_mark=one.actor_mark,
        reason=one.reason,
        without=one.without,
        is_after_freeze=one.is_after_freeze,
        at_us=(one.at - _EPOCH) // timedelta(microseconds=1),
        follows=one.follows,
    )
    return message.SerializeToString(deterministic=True)


def decode(raw: bytes) -> Approval:
    """One step, read as strictly as a person's input; raises Unacceptable."""
    try:
        message = figure_pb2.FigureApproval.FromString(raw)
        return _approval(message)
    except DecodeError as error:
        raise Unacceptable("SCHEMA", "not the approval of figures") from error
    except (PeriodError, ValueError, OverflowError) as error:
        raise Unacceptable("INVALID", f"an approval of figures that cannot be: {error}") from error


def _approval(message: figure_pb2.FigureApproval) -> Approval:
    at = _EPOCH + timedelta(microseconds=message.at_us)
    states, without = tuple(message.states), tuple(message.without)
    _need(_DATASET.fullmatch(message.dataset), "the dataset")
    _need(_AREA.fullmatch(message.area_code), "the area")
    _need(1 <= message.number <= _LARGEST_NUMBER, "the number")
    _need(_FIRST_YEAR <= at.year <= _LAST_YEAR, "the time")
    _need(len(states) <= MOST_STATES and all(len(one) == HASH_BYTES for one in states), "the states")
    _need(states or message.act == Act.UNLOCK, "no states")
    _need(_is_ascending(states) and _is_ascending(without), "an order, or something twice")
    _need(len(without) <= _MOST_WITHOUT and all(0 < len(one) <= _LONGEST_NAME for one in without), "centres left out")
    _need(0 < len(message.actor) <= _LONGEST_NAME and len(message.actor_mark) == MARK_BYTES, "who did it")
    _need(len(message.reason) <= LONGEST_REASON, "the reason")
    _need(len(message.follows) == (0 if message.number == 1 else HASH_BYTES), "what it follows")
    found = Approval(
        dataset=message.dataset,
        area_code=message.area_code,
        period=Period.parse(message.period),
        number=message.number,
        act=Act(message.act),
        states=states,
        actor=message.actor,
        actor_mark=message.actor_mark,
        reason=message.reason,
        without=without,
        is_after_freeze=message.is_after_freeze,
        at=at,
        follows=message.follows,
    )
    wants_reason = found.is_exception or found.act in {Act.RETURN, Act.UNLOCK}
    _need(bool(found.reason) or not wants_reason, "no reason where there must be one")
    _need(found.act is Act.APPROVE or not found.without, "an exception of what needs none")
    return found


def _need(condition: object, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _is_ascending(several: Sequence[bytes] | Sequence[str]) -> bool:
    return all(one < other for one, other in pairwise(several))  # type: ignore[operator]  # both of one type
