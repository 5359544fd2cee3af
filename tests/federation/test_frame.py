"""Bytes: what was written once must open for ever, and whatever is changed must not."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from federation import merkle
from federation.frame import (
    MAX_FRAME_BYTES,
    NO_HASH,
    Frame,
    FrameInvalid,
    Genesis,
    Record,
    StreamKey,
    decode_record,
    enclose,
    encode_record,
    from_us,
    open_enclosure,
    open_frame,
    parse_frame,
    seal_frame,
)
from federation.receipt import Ack, open_ack, sign_ack
from federation.v1 import frame_pb2

GOLDEN = Path(__file__).parent / "golden"
MOMENT = datetime(2025, 6, 1, 0, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True)
class FixedSigner:
    seed: bytes = bytes(range(32))
    name: str = "n-aaaaaaaaaaaaaaaa.lienthong.internal"

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self):
        return self._key.public_key()

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.public.public_bytes_raw()).digest()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


SIGNER = FixedSigner()
RECORDS = [
    Record(UUID(int=0x0197_0000_0000_7000_8000_0000_0000_0000 + i), "test.note", 1, MOMENT, (i << 16) + 7, b"n%d" % i)
    for i in range(3)
]


def sealed(records: list[bytes], **changes: object) -> Frame:
    values = {
        "signer": SIGNER,
        "lane": "regular",
        "audience": "up",
        "epoch": bytes(range(16)),
        "frame_no": 5,
        "first_seq": 11,
        "prev_frame_hash": bytes(range(32)),
        "records": records,
        "sealed_at": MOMENT,
    }
    return seal_frame(**(values | changes))


def genesis() -> Frame:
    before = Genesis(bytes(range(16, 32)), 9, bytes(range(32, 64)), "start")
    return sealed([], frame_no=0, first_seq=1, prev_frame_hash=before.frame_hash, genesis=before)


def golden_now() -> dict[str, bytes]:
    frame = sealed([encode_record(record) for record in RECORDS])
    ack = Ack("", b"", frame.header.stream, frame.header.epoch, 5, frame.hash, MOMENT)
    return {
        "record": encode_record(RECORDS[0]),
        "frame": frame.raw,
        "frame_hash": frame.hash,
        "genesis": genesis().raw,
        "enclosure": enclose(frame.raw, 2),
        "signed_ack": sign_ack(ack, SIGNER).SerializeToString(),
    }


@pytest.mark.parametrize("name", sorted(golden_now()))
def test_todays_bytes_are_those_of_the_first_version(name: str) -> None:
    assert golden_now()[name].hex() == (GOLDEN / f"v1_{name}.hex").read_text().strip()


def test_golden_bytes_open_and_verify() -> None:
    read = {file.stem: bytes.fromhex(file.read_text()) for file in GOLDEN.glob("v1_*.hex")}
    frame = open_frame(read["v1_frame"], SIGNER.public)
    assert [decode_record(raw) for raw in frame.records] == RECORDS
    assert frame.hash == read["v1_frame_hash"]
    assert (frame.header.frame_no, frame.header.first_seq, frame.header.count) == (5, 11, 3)
    assert open_frame(read["v1_genesis"], SIGNER.public).header.genesis == Genesis(
        bytes(range(16, 32)), 9, bytes(range(32, 64)), "start"
    )
    inbound = open_enclosure(read["v1_enclosure"], lambda name, key_id: SIGNER.public)
    assert (inbound.rid, inbound.payload, inbound.seq, inbound.origin) == (RECORDS[2].rid, b"n2", 13, SIGNER.name)
    ack = open_ack(frame_pb2.SignedAck.FromString(read["v1_signed_ack"]), lambda name, key_id: SIGNER.public)
    assert (ack.durable, ack.head_hash, ack.receiver) == (5, frame.hash, SIGNER.name)


TIMES = st.integers(0, 2**52).map(from_us)
RECORD = st.builds(
    Record,
    rid=st.uuids(),
    kind=st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}", fullmatch=True),
    schema=st.integers(0, 2**31),
    created_at=TIMES,
    hlc=st.integers(0, 2**63 - 1),
    payload=st.binary(max_size=200),
)


@given(RECORD)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=40), st.data())
def test_every_record_has_a_short_proof_and_no_other_record_has_it(records: list[bytes], data: st.DataObject) -> None:
    root = merkle.merkle_root(records)
    index = data.draw(st.integers(0, len(records) - 1))
    proof = merkle.merkle_proof(records, index)
    assert len(proof) <= 9
    assert merkle.root_from_proof(records[index], index, len(records), proof) == root
    assert merkle.root_from_proof(records[index] + b"x", index, len(records), proof) != root
    assert merkle.root_from_proof(records[index], index, len(records), (*proof, bytes(32))) is None
    assert merkle.root_from_proof(records[index], len(records), len(records), proof) is None


def test_the_tree_is_that_of_rfc_6962() -> None:
    # The test vectors of Certificate Transparency, for the first 1, 2, 3, 7 and 8 of these leaves.
    leaves = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    leaves.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    for count, root in roots.items():
        assert merkle.merkle_root(leaves[:count]).hex() == root
    assert merkle.merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@settings(max_examples=300)
@given(st.data())
def test_no_bit_of_a_frame_can_be_flipped(data: st.DataObject) -> None:
    raw = bytearray(sealed([encode_record(record) for record in RECORDS]).raw)
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameInvalid) as caught:
        open_frame(bytes(raw), SIGNER.public)
    assert caught.value.code in {"FORM", "VERSION", "BAD_ORIGIN_SIG"}


@settings(max_examples=200)
@given(st.data())
def test_no_bit_of_an_enclosure_can_be_flipped(data: st.DataObject) -> None:
    frame = sealed([encode_record(record) for record in RECORDS])
    raw = bytearray(enclose(frame.raw, 1))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        inbound = open_enclosure(bytes(raw), lambda name, key_id: SIGNER.public if name == SIGNER.name else None)
    except FrameInvalid:
        return
    # A flip in what protobuf does not read (a longer form of one number) changes nothing that was signed.
    assert (inbound.rid, inbound.payload, inbound.seq) == (RECORDS[1].rid, RECORDS[1].payload, 12)


@given(st.binary(max_size=600))
def test_noise_is_refused_and_never_crashes(raw: bytes) -> None:
    for opening in (
        lambda: open_frame(raw, SIGNER.public),
        lambda: open_enclosure(raw, lambda name, key_id: SIGNER.public),
        lambda: open_ack(frame_pb2.SignedAck(ack=raw, signature=bytes(64)), lambda name, key_id: SIGNER.public),
    ):
        with pytest.raises(FrameInvalid):
            opening()


def test_a_frame_signed_by_another_key_is_refused_and_names_the_origin() -> None:
    forger = FixedSigner(seed=bytes(32))
    frame = seal_frame(
        signer=forger,
        lane="regular",
        audience="up",
        epoch=bytes(16),
        frame_no=1,
        first_seq=1,
        prev_frame_hash=NO_HASH,
        records=[encode_record(RECORDS[0])],
        sealed_at=MOMENT,
    )
    with pytest.raises(FrameInvalid) as caught:
        open_frame(frame.raw, SIGNER.public)
    assert (caught.value.code, caught.value.origin) == ("BAD_ORIGIN_SIG", forger.name)


def test_bytes_that_nobody_signed_have_no_room_in_a_frame() -> None:
    frame = sealed([encode_record(RECORDS[0])])
    smuggled = frame.raw + frame_pb2.Frame(signature=b"").SerializeToString() + bytes.fromhex("7a0378797a")
    with pytest.raises(FrameInvalid, match="FORM"):
        open_frame(smuggled, SIGNER.public)


def test_too_large_a_frame_is_neither_sealed_nor_read() -> None:
    with pytest.raises(ValueError, match="larger"):
        sealed([bytes(MAX_FRAME_BYTES)])
    with pytest.raises(FrameInvalid, match="SIZE"):
        parse_frame(bytes(MAX_FRAME_BYTES + 1))


def test_a_receipt_of_another_key_or_with_a_changed_number_is_refused() -> None:
    frame = sealed([encode_record(RECORDS[0])])
    ack = Ack("", b"", StreamKey(SIGNER.name, "regular", "up"), frame.header.epoch, 5, frame.hash, MOMENT)
    signed = sign_ack(ack, SIGNER)
    with pytest.raises(FrameInvalid, match="BAD_ACK_SIG"):
        open_ack(signed, lambda name, key_id: FixedSigner(seed=bytes(32)).public)
    with pytest.raises(FrameInvalid, match="BAD_ACK_SIG"):
        open_ack(signed, lambda name, key_id: None)
    message = frame_pb2.Ack.FromString(signed.ack)
    message.durable += 1
    with pytest.raises(FrameInvalid, match="BAD_ACK_SIG"):
        open_ack(
            frame_pb2.SignedAck(ack=message.SerializeToString(), signature=signed.signature),
            lambda name, key_id: SIGNER.public,
        )


def test_times_are_kept_to_the_microsecond() -> None:
    record = Record(UUID(int=1), "test.note", 1, MOMENT + timedelta(microseconds=1), 0, b"")
    assert decode_record(encode_record(record)).created_at - MOMENT == timedelta(microseconds=1)
