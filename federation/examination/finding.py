"""What is wrong, and with which records."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from federation.frame import StreamKey

NOWHERE = StreamKey("", "", "")


class Fault(StrEnum):
    """The kinds of damage; the first four are of signed bytes, which only another holder can give back."""

    BYTES = "BYTES"
    MISSING = "MISSING"
    CUT = "CUT"
    REWRITTEN = "REWRITTEN"
    ROW = "ROW"
    HEAD = "HEAD"
    EPOCH = "EPOCH"
    INDEX = "INDEX"
    PARKED = "PARKED"
    RECEIPT = "RECEIPT"
    CURSOR = "CURSOR"
    PENDING = "PENDING"
    EVIDENCE = "EVIDENCE"
    STREAM = "STREAM"
    FLOOR = "FLOOR"
    DATABASE = "DATABASE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One damage: frames `frame_no` to `last_frame_no` of an epoch, records `seq` to `last_seq`; None where unknown.

    `pos` to `last_pos` are the places of the rows in the stream, for whoever mends them.
    """

    fault: Fault
    stream: StreamKey
    reason: str
    epoch: bytes = b""
    frame_no: int | None = None
    last_frame_no: int | None = None
    seq: int | None = None
    last_seq: int | None = None
    rid: str = ""
    pos: int | None = None
    last_pos: int | None = None

    @property
    def subject(self) -> str:
        """The place in few letters, as an alarm wants it."""
        place = f"{self.stream.lane}/{self.stream.audience}"
        return f"{self.fault}/{place}" + ("" if self.frame_no is None else f"/{self.frame_no}")

    @property
    def sentence(self) -> str:
        """The place and what is wrong there, for a person."""
        stream = self.stream
        parts = [stream.origin or "this node"]
        if stream.lane:
            parts.append(f"{stream.lane}/{stream.audience}")
        if self.epoch:
            parts.append(f"epoch {self.epoch.hex()[:8]}")
        parts += _span("frame", self.frame_no, self.last_frame_no) + _span("seq", self.seq, self.last_seq)
        if self.rid:
            parts.append(f"record {self.rid}")
        return f"{', '.join(parts)}: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        found = asdict(replace(self, stream=NOWHERE))
        found.pop("stream")
        stream = self.stream
        names = {"fault": self.fault.value, "origin": stream.origin, "lane": stream.lane, "audience": stream.audience}
        return names | found | {"fault": self.fault.value, "epoch": self.epoch.hex()}


def _span(word: str, first: int | None, last: int | None) -> list[str]:
    if first is None:
        return []
    return [f"{word} {first}" if last is None or last <= first else f"{word} {first}-{last}"]
