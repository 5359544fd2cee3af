"""The stand-alone verifier: it believes what is true, and any altered byte makes it name the centre."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from federation import frame as ours
from federation import tables
from federation.export import export_frames
from federation.verify import bundle, manifest
from federation.verify import frames as theirs
from federation.verify.certificates import SignKey
from federation.verify.proof import prove
from federation.verify.verdict import Damaged
from node.v1 import incident_pb2
from pki import enrol
from pki.enrol_token import parse_token
from pki.founding import create_issuing, create_root
from pki.keystore import Keystore
from pki.registry import Registry

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Federation:
    root_pem: bytes
    registry: Registry
    province: Keystore
    district: Keystore
    commune: Keystore


def found(folder: Path) -> Federation:
    """A province, a district, a commune, enrolled as real ones are."""
    root_pem = create_root(folder / "root", title="Test root", now=NOW)
    authority = create_issuing(folder / "root", folder / "authority", now=NOW)
    keys: list[Keystore] = []
    for code, tier in (("75", "ioc"), ("731", "oc"), ("26374", "coc")):
        authority.plan(code, f"Trung tâm {code}", tier, keys[-1].name if keys else None, NOW)
        token = parse_token(authority.issue_token(code, NOW))
        attempt = enrol.begin(token, enrol.offer_of(authority.registry, root_pem), NOW)
        keys.append(enrol.finish(attempt, authority.enrol(attempt.sealed_request, NOW), folder / code / "keys", NOW))
    return Federation(root_pem, authority.registry, *keys)


@pytest.fixture(scope="module")
def federation(tmp_path_factory) -> Federation:
    return found(tmp_path_factory.mktemp("federation"))


class Stream:
    """One stream of a centre, sealed with the product's own functions."""

    def __init__(self, keys, audience="parent", lane="urgent"):
        self.keys, self.audience, self.lane = keys, audience, lane
        self.frames: list[ours.Frame] = []
        self.random = random.Random(f"{keys.name}{audience}{lane}")  # noqa: S311 - reproducible, guards nothing
        self.epoch = b""

    def begin(self):
        last = self.frames[-1] if self.frames else None
        genesis = ours.Genesis(
            self.epoch, last.header.frame_no if last else 0, last.hash if last else ours.NO_HASH, "start"
        )
        self.epoch = self.random.randbytes(16)
        return self._seal([], 0, genesis.frame_hash, 1, genesis)

    def add(self, *payloads, kind="incident.alert", rids=()):
        records = [
            ours.encode_record(ours.Record(rid, kind, 1, NOW, 1, payload))
            for payload, rid in zip(
                payloads, rids or [UUID(bytes=self.random.randbytes(16)) for _ in payloads], strict=True
            )
        ]
        last = self.frames[-1]
        return self._seal(records, last.header.frame_no + 1, last.hash, last.header.first_seq + last.header.count, None)

    def _seal(self, records, frame_no, before, seq, genesis):
        sealed = ours.seal_frame(
            signer=self.keys,
            lane=self.lane,
            audience=self.audience,
            epoch=self.epoch,
            frame_no=frame_no,
            first_seq=seq,
            prev_frame_hash=before,
            records=records,
            sealed_at=NOW + timedelta(minutes=len(self.frames)),
            genesis=genesis,
        )
        self.frames.append(sealed)
        return sealed


def news(*enclosed) -> bytes:
    return incident_pb2.IncidentNews(incident_id=bytes(16), serial=1, enclosed=enclosed).SerializeToString()


def export(federation, streams, registry=None) -> bytes:
    """What the province's product exports of rows that hold these streams."""
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with Session(engine) as session:
        for number, stream in enumerate(streams, 1):
            head = stream.frames[-1]
            session.execute(
                insert(tables.stream).values(
                    id=number,
                    origin=stream.keys.name,
                    lane=stream.lane,
                    audience=stream.audience,
                    origin_no=number,
                    epoch=head.header.epoch,
                    frame_no=head.header.frame_no,
                    frame_hash=head.hash,
                    next_seq=0,
                    head_pos=len(stream.frames),
                    head_count=0,
                )
            )
            for pos, sealed in enumerate(stream.frames, 1):
                session.execute(
                    insert(tables.frame).values(
                        stream_id=number,
                        pos=pos,
                        epoch=sealed.header.epoch,
                        frame_no=sealed.header.frame_no,
                        frame_hash=sealed.hash,
                        key_id=sealed.header.key_id,
                        size=len(sealed.raw),
                        end_count=0,
                        at_us=0,
                        sender="",
                        raw=sealed.raw,
                    )
                )
        return export_frames(session, registry or federation.registry, federation.province, NOW)


@pytest.fixture(scope="module")
def streams(federation):
    """Two epochs of a district that encloses what a commune signed, and the province's own stream downwards."""
    commune = Stream(federation.commune)
    commune.begin()
    signed = commune.add(news(), news(), news())
    district = Stream(federation.district)
    district.begin()
    district.add(news(ours.enclose(signed.raw, 0)))
    district.add(news(ours.enclose(signed.raw, 1)), news(ours.enclose(signed.raw, 2)))
    district.begin()
    district.add(news(ours.enclose(signed.raw, 2)), news())
    down = Stream(federation.province, audience=f"down:{federation.district.name}", lane="regular")
    down.begin()
    down.add(b"status", kind="centre.presence")
    return [district, down]


@pytest.fixture(scope="module")
def good(federation, streams) -> bytes:
    return export(federation, streams)


def repack(raw: bytes, change, federation=None) -> bytes:
    """The bundle with other members; with a federation, under a manifest that its province signed anew."""
    members = bundle.unpack(raw)
    change(members)
    if federation is not None:
        for name in (bundle.MANIFEST, bundle.SIGNATURE):
            members.pop(name, None)
        listed = manifest.write(federation.province.name, federation.province.key_id, NOW.isoformat(), members)
        members |= {bundle.MANIFEST: listed, bundle.SIGNATURE: federation.province.sign(manifest.DOMAIN + listed)}
    return bundle.pack(members)


def frames_of(members, keys) -> list[str]:
    return sorted(name for name in members if name.startswith(f"{bundle.FRAMES}{keys.name}/"))


def codes(raw, federation):
    return {(fault.code, fault.centre) for fault in prove(raw, federation.root_pem).faults}


def test_a_true_bundle_holds_and_counts_what_is_in_it(federation, good):
    verdict = prove(good, federation.root_pem)
    assert verdict.faults == []
    district = verdict.centres[federation.district.name]
    assert (district.streams, district.frames, district.records) == (1, 5, 5)
    assert verdict.centres[federation.commune.name].enclosed == 3
    assert verdict.centres[federation.province.name].records == 1
    assert verdict.exporter == federation.province.name
    assert "Trung tâm 26374" in verdict.title(federation.commune.name)


def test_any_flipped_byte_anywhere_fails(federation, good):
    flipped = bytearray(good)
    unnoticed = []
    for at in range(0, len(good), 7):
        flipped[at] ^= 0x01
        if prove(bytes(flipped), federation.root_pem).holds:
            unnoticed.append(at)
        flipped[at] ^= 0x01
    assert unnoticed == []


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_byte_of_a_frame_names_its_centre(federation, good, bit):
    """Also when the bundle is packed and signed anew around it: the exporter is no better than its word."""
    for keys in (federation.district, federation.province):
        name = frames_of(bundle.unpack(good), keys)[0]
        length = len(bundle.unpack(good)[name])
        for at in range(0, length, 5):

            def flip(members, name=name, at=at):
                content = bytearray(members[name])
                content[at] ^= bit
                members[name] = bytes(content)

            faults = prove(repack(good, flip, federation), federation.root_pem).faults
            assert {fault.centre for fault in faults} == {keys.name}, at


def test_an_enclosed_record_that_its_carrier_altered_names_the_commune(federation, streams):
    """The district signs validly around it, as a dishonest relay would."""
    commune = Stream(federation.commune)
    commune.begin()
    enclosed = ours.enclose(commune.add(news(), news()).raw, 1)
    message = ours.wire.EnclosedRecord.FromString(enclosed)
    message.record = message.record[:-1] + bytes([message.record[-1] ^ 1])
    district = Stream(federation.district)
    district.begin()
    district.add(news(message.SerializeToString()))
    assert codes(export(federation, [district]), federation) == {("MERKLE", federation.commune.name)}


def test_what_is_cut_off_left_out_or_forked_is_noticed(federation, streams, good):
    names = frames_of(bundle.unpack(good), federation.district)
    blamed = federation.district.name

    def cut_tail(members):
        for name in names:
            members[name] = bundle.join(list(bundle.split(members[name]))[:-1])

    def leave_one_out(members):
        for name in names:
            frames = list(bundle.split(members[name]))
            members[name] = bundle.join(frames[:1] + frames[2:])

    def drop_epoch(members):
        first = next(n for n in names if n.endswith(streams[0].frames[0].header.epoch.hex()))
        del members[first]

    assert ("MANIFEST", blamed) in codes(repack(good, cut_tail), federation)
    assert ("GAP", blamed) in codes(repack(good, leave_one_out, federation), federation)
    assert ("GAP", blamed) in codes(repack(good, drop_epoch, federation), federation)
    fork = Stream(federation.district)
    fork.random = random.Random("other")  # noqa: S311 - as above
    fork.begin()
    whole = export(federation, [streams[0]])
    other = bundle.unpack(export(federation, [fork]))
    fork_name = frames_of(other, federation.district)[0]
    forked = repack(whole, lambda members: members.update({fork_name: other[fork_name]}), federation)
    assert ("FORK", blamed) in codes(forked, federation)


def test_a_record_twice_in_one_epoch_is_noticed(federation):
    stream = Stream(federation.district)
    stream.begin()
    rid = UUID(int=7)
    stream.add(news(), rids=[rid])
    stream.add(news(), rids=[rid])
    assert codes(export(federation, [stream]), federation) == {("DOUBLED", federation.district.name)}


def test_validly_signed_by_the_wrong_centre_is_refused(federation, tmp_path):
    """A real member's key under another member's name, and a real federation's frames under a foreign root."""
    thief = SimpleNamespace(
        name=federation.district.name, key_id=federation.commune.key_id, sign=federation.commune.sign
    )
    stream = Stream(thief)
    stream.begin()
    assert codes(export(federation, [stream]), federation) == {("KEY", federation.district.name)}
    foreign = found(tmp_path)
    stream = Stream(foreign.district)
    stream.begin()
    raw = export(foreign, [stream])
    assert prove(raw, foreign.root_pem).holds
    assert not prove(raw, federation.root_pem).holds


def test_a_foreign_certificate_in_the_bundle_gives_no_key(federation, tmp_path):
    foreign = found(tmp_path)
    der = foreign.district.sign_certificate
    stream = Stream(foreign.district)
    stream.begin()
    name = f"{bundle.CERTIFICATES}{foreign.district.name}/{foreign.district.key_id.hex()}.der"
    raw = repack(export(federation, [stream]), lambda members: members.update({name: der}), federation)
    assert codes(raw, federation) == {
        ("SIGN_CERTIFICATE", foreign.district.name),
        ("KEY", foreign.district.name),
    }


def test_sealed_after_the_certificate_ended_is_refused(federation, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "NOW", NOW + timedelta(days=366))
    stream = Stream(federation.district)
    stream.begin()
    assert codes(export(federation, [stream]), federation) == {("TIME", federation.district.name)}


def test_a_fresh_process_with_only_the_root_says_so(federation, good, tmp_path):
    """No checkout, no settings, no keys: the folder of the verifier, the bundle and one certificate."""
    shutil.copytree(REPOSITORY / "federation" / "verify", tmp_path / "verify")
    (tmp_path / "root.pem").write_bytes(federation.root_pem)
    (tmp_path / "bundle.zip").write_bytes(good)
    run = (
        "import runpy, sys; sys.path.insert(0, '.'); sys.argv = ['verify', *sys.argv[1:]]; "
        "runpy.run_module('verify', run_name='__main__')"
    )

    def answer(*more):
        command = [sys.executable, "-I", "-c", run, "bundle.zip", "--root", "root.pem", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = answer("--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]
    broken = bytearray(good)
    broken[good.index(federation.district.key_id)] ^= 1
    (tmp_path / "bundle.zip").write_bytes(bytes(broken))
    done = answer()
    assert done.returncode == 1
    assert "DOES NOT HOLD" in done.stdout
    assert "Trung tâm 731" in done.stdout


GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    return bytes.fromhex((GOLDEN / f"v1_{name}.hex").read_text())


def golden_key(centre, key_id):
    """The published key of the worked example, for as long as the example needs it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    long_ago, far_off = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    found = SignKey("n-aaaaaaaaaaaaaaaa.lienthong.internal", key, long_ago, far_off)
    return found if (centre, key_id) == (found.centre, found.key_id) else None


def test_the_golden_bytes_open_here_too():
    """The same published bytes hold both implementations."""
    frame = theirs.open_frame(golden("frame"), golden_key)
    assert frame.digest == golden("frame_hash")
    assert ours.decode_record(golden("record")).rid.bytes in {record.rid for record in frame.records}
    genesis = theirs.open_frame(golden("genesis"), golden_key)
    assert genesis.header.frame_no == 0
    assert genesis.header.genesis is not None
    header, record = theirs.open_enclosed(golden("enclosure"), golden_key)
    assert header.origin == frame.header.origin
    assert record.payload


@pytest.mark.parametrize("name", ["frame", "genesis", "enclosure"])
def test_no_flipped_byte_of_the_golden_bytes_opens(name):
    opened = theirs.open_enclosed if name == "enclosure" else theirs.open_frame
    raw = golden(name)
    for at in range(len(raw)):
        with pytest.raises(Damaged):
            opened(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], golden_key)


def test_the_two_implementations_agree_on_bytes(federation):

    stream = Stream(federation.commune)
    for sealed in (stream.begin(), stream.add(news()), stream.add(*[news()] * 5), stream.add(*[news()] * 500)):
        header = ours.parse_frame(sealed.raw).header_bytes
        assert theirs.frame_digest(header) == ours.frame_hash(header)
        assert theirs.merkle_root(list(sealed.records)) == sealed.header.merkle_root
