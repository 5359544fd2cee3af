"""A pack: the records that one incident is proved with, and the receipts that stand around them.

Records come one by one out of their frames, each with its audit path, so that nothing else that a frame held is shown.
Of the frames between a record and the receipts around it there is only the signed header: enough to follow the chain.

    records/<origin>/<rid>                                       a record with its proof (EnclosedRecord)
    headers/<origin>/<lane>/<audience>/<epoch>                   header and signature of frames in order, in runs
    receipts/<origin>/<lane>/<audience>/<epoch>/<frame>/<receiver>  a receipt and its signature
    keys/<incident>                                              keys of its words (IncidentKeys), only where asked for
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.exceptions import InvalidSignature

from . import bundle, wire, words
from .enclosures import enclosed_in
from .frames import CLOCK_SLACK, Header, KeyFor, Record, moment, open_enclosed, open_head, origin_of_enclosed
from .manifest import Manifest
from .verdict import Damaged, Proof, Verdict

RECORDS, HEADERS, RECEIPTS, KEYS = "records/", "headers/", "receipts/", "keys/"
_ACK_DOMAIN = b"lienthong.federation.ack.v1\x00"
_INCIDENT = "incident."
_LEVELS_ENCLOSED = 8


def is_pack(members: Mapping[str, bytes]) -> bool:
    """Whether these are the members of a pack, and not of a bundle of whole frames."""
    return any(name.startswith((RECORDS, HEADERS)) for name in members)


def header_name(origin: str, lane: str, audience: str, epoch: bytes) -> str:
    """Where the headers of one epoch stand in a pack."""
    return f"{HEADERS}{origin}/{lane}/{audience}/{epoch.hex()}"


def receipt_name(headers: str, frame_no: int, receiver: str) -> str:
    """Where a receipt for a frame stands in a pack, beside the headers of its epoch."""
    return f"{RECEIPTS}{headers.removeprefix(HEADERS)}/{frame_no}/{receiver}"


@dataclass(frozen=True, slots=True)
class _Linked:
    """A header that is here, and the run of frames without a gap that it stands in."""

    digest: bytes
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receipt:
    receiver: str
    run: int
    frame_no: int
    at: datetime
    is_restated: bool


class Pack:
    """One pack on its way to a verdict."""

    def __init__(self, members: Mapping[str, bytes], key_for: KeyFor, listed: Manifest, verdict: Verdict) -> None:
        """Take the members, the keys that the root stands behind, and what the exporter signed."""
        self._members = members
        self._key_for = key_for
        self._listed = listed
        self._verdict = verdict
        self._linked: dict[tuple[str, int], _Linked] = {}
        self._receipts: dict[str, list[_Receipt]] = {}
        self._payloads: list[tuple[str, Record]] = []

    def prove(self) -> None:
        """Headers, receipts, records, and then what they say of the subject."""
        if self._listed.subject is None or set(self._listed.subject) != {"incident"}:
            reason = "the pack has no subject that this verifier knows"
            self._verdict.blame(self._listed.exporter, bundle.MANIFEST, Damaged("SUBJECT", reason))
            return
        for begin, take in ((HEADERS, self._headers), (RECEIPTS, self._receipt), (RECORDS, self._record)):
            for name in sorted(name for name in self._members if name.startswith(begin)):
                try:
                    take(name, self._members[name])
                except Damaged as error:
                    self._verdict.blame(self._culprit(name, error), name, error)
        if not self._verdict.proofs:
            self._verdict.blame(self._listed.exporter, "", Damaged("SUBJECT", "the pack proves no record"))
        self._incident(self._listed.subject["incident"])

    def _culprit(self, name: str, error: Damaged) -> str:
        """A receipt is its receiver's, everything else its origin's."""
        is_receipt = name.startswith(RECEIPTS) and error.code != "LINK"
        return name.rpartition("/")[2] if is_receipt else name.split("/")[1]

    # what stands around a record

    def _headers(self, name: str, content: bytes) -> None:
        parts = list(bundle.split(content))
        if len(parts) % 2:
            raise Damaged("PACKING", "a header without a signature")
        before: tuple[Header, bytes] | None = None
        run = 0
        for head, signature in zip(parts[::2], parts[1::2], strict=True):
            header, digest = open_head(head, signature, self._key_for)
            if name != header_name(header.origin, header.lane, header.audience, header.epoch):
                raise Damaged("STREAM", f"the headers are those of {header.origin}, {header.lane}, {header.audience}")
            if before is not None and header.frame_no <= before[0].frame_no:
                raise Damaged("GAP", "the headers are out of order")
            if before is None or header.frame_no != before[0].frame_no + 1:
                run += 1
            elif header.prev_frame_hash != before[1]:
                raise Damaged("CHAIN", f"frame {header.frame_no} does not follow the frame before it that is here")
            self._linked[name, header.frame_no] = _Linked(digest, run)
            before = header, digest

    def _receipt(self, name: str, content: bytes) -> None:
        parts = list(bundle.split(content))
        if len(parts) != 2:  # noqa: PLR2004 - a receipt and its signature
            raise Damaged("RECEIPT", "the receipt cannot be read")
        message = wire.read(parts[0])
        receiver, key_id, frame_no = message.text(2), message.string(3), message.number(8)
        headers = header_name(message.text(4), message.text(5), message.text(6), message.string(7))
        if name != receipt_name(headers, frame_no, receiver) or receiver == message.text(4):
            raise Damaged("RECEIPT", "the receipt is one for something else, or by the origin itself")
        key = self._key_for(receiver, key_id)
        if key is None:
            raise Damaged("RECEIPT", f"no certificate from the trusted root names {receiver} with this key")
        try:
            key.key.verify(parts[1], hashlib.sha256(_ACK_DOMAIN + parts[0]).digest())
        except InvalidSignature as error:
            raise Damaged("RECEIPT", f"the receipt does not carry the signature of {receiver}") from error
        linked, at = self._linked.get((headers, frame_no)), moment(wire.signed(message.number(10)))
        if linked is None or linked.digest != message.string(9):
            raise Damaged("LINK", f"{receiver} signed for another frame {frame_no} than the one that is here")
        is_restated = receiver == self._listed.exporter and key_id == self._listed.key_id
        if not is_restated and not key.since - CLOCK_SLACK <= at <= key.until + CLOCK_SLACK:
            raise Damaged("TIME", f"{receiver} signed the receipt when its key was not certified")
        found = _Receipt(receiver=receiver, run=linked.run, frame_no=frame_no, at=at, is_restated=is_restated)
        self._receipts.setdefault(headers, []).append(found)

    # the records

    def _record(self, name: str, content: bytes) -> None:
        header, record = open_enclosed(content, self._key_for)
        if name != f"{RECORDS}{header.origin}/{record.rid.hex()}":
            raise Damaged("RECORD", f"the record is another one of {header.origin}")
        headers = header_name(header.origin, header.lane, header.audience, header.epoch)
        linked = self._linked.get((headers, header.frame_no))
        if linked is None or linked.digest != hashlib.sha256(_head_domain(content)).digest():
            raise Damaged("LINK", f"the header of frame {header.frame_no} is not among the headers")
        proof = self._timed(_said(header, record), header, self._receipts.get(headers, []), linked.run)
        count = self._verdict.count(header.origin)
        count.records += 1
        self._verdict.proofs.append(proof)
        self._payloads.append((header.origin, record))
        self._enclosed(record, proof, _LEVELS_ENCLOSED)

    def _timed(self, proof: Proof, header: Header, receipts: list[_Receipt], run: int) -> Proof:
        """The earliest receipt that covers the record, and that receiver's last one before it."""
        mine = [one for one in receipts if one.run == run]
        after = min((one for one in mine if one.frame_no >= header.frame_no), key=lambda one: one.at, default=None)
        if after is None:
            return proof
        earlier = [one.at for one in mine if one.frame_no < header.frame_no and one.receiver == after.receiver]
        key = self._key_for(header.origin, header.key_id)
        return replace(
            proof,
            received_by=after.receiver,
            received_at=after.at,
            not_before=max(earlier, default=None),
            is_restated=after.is_restated,
            is_timely=key is not None and key.since - CLOCK_SLACK <= after.at <= key.until + CLOCK_SLACK,
        )

    def _enclosed(self, around: Record, outer: Proof, levels: int) -> None:
        """Records of other centres inside: they were there when the record around them was received."""
        for raw in enclosed_in(around.kind, around.payload):
            if levels == 0:
                raise Damaged("ENCLOSED", "records enclosed in records without end")
            try:
                header, record = open_enclosed(raw, self._key_for)
            except Damaged as error:
                where = f"{RECORDS}{outer.centre}/{outer.rid.hex()}"
                self._verdict.blame(origin_of_enclosed(raw) or outer.centre, where, error)
                continue
            key = self._key_for(header.origin, header.key_id)
            timely = outer.received_at is not None and key is not None and outer.received_at <= key.until + CLOCK_SLACK
            proof = replace(
                _said(header, record),
                enclosed_by=outer.centre,
                received_by=outer.received_by,
                received_at=outer.received_at,
                is_restated=outer.is_restated,
                is_timely=bool(timely),
            )
            self._verdict.count(header.origin).enclosed += 1
            self._verdict.proofs.append(proof)
            self._payloads.append((header.origin, record))
            self._enclosed(record, proof, levels - 1)

    # what they say of the subject

    def _incident(self, subject: str) -> None:
        for centre, record in self._payloads:
            try:
                _check_about(record, subject)
            except Damaged as error:
                self._verdict.blame(centre, record.rid.hex(), error)
        for name in sorted(name for name in self._members if name.startswith(KEYS)):
            try:
                keys = words.read_keys(self._members[name], name.removeprefix(KEYS), subject)
                said = [one for centre, record in self._payloads for one in words.open_words(centre, record, keys)]
            except Damaged as error:
                self._verdict.blame(self._listed.exporter, name, error)
            else:
                self._verdict.words.extend(dict.fromkeys(said))


def _check_about(record: Record, subject: str) -> None:
    if record.kind.startswith(_INCIDENT) and wire.read(record.payload).string(1).hex() != subject:
        raise Damaged("SUBJECT", "a record about another incident")


def _head_domain(enclosed: bytes) -> bytes:
    return b"lienthong.federation.frame.v1\x00" + wire.read(enclosed).string(4)


def _said(header: Header, record: Record) -> Proof:
    """Who signed which record when, and in a few words what it says."""
    said = ""
    if record.kind.startswith(_INCIDENT):
        news = wire.read(record.payload)
        step, content = wire.read(news.string(4)), wire.read(news.string(3))
        said = " ".join(filter(None, (content.text(2), content.text(3), step.text(1), step.text(2))))
    return Proof(centre=header.origin, rid=record.rid, kind=record.kind, said=said, sealed_at=header.sealed_at)
