"""A pack proves one incident to somebody who has one root certificate; any other byte is noticed, and whose it is."""

import json
import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import insert

from federation import chain, tables
from federation.frame import to_us
from federation.receipt import Ack, sign_ack
from federation.verify import bundle, registry, words
from federation.verify.frames import Record
from federation.verify.proof import prove
from federation.verify.verdict import Damaged
from node.evidence import pack_of
from tests.simulation import posts
from tests.simulation.posts import Tree

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "tests" / "data" / "evidence"
WORDS = "Nước ngập đến gối ở chợ Suối Mây"


def carry(tree: Tree) -> None:
    """Move what waits, a minute later, and keep the province's receipts at the district as a link does."""
    tree.clock.advance(60)
    tree.carry()
    tree.clock.advance(60)
    above, now = tree.province.keystore, tree.clock.now()

    def keep(session) -> None:
        for head in chain.load_all(session.connection()):
            if head.key.origin != tree.district.name or head.key.audience.startswith("down:"):
                continue
            ack = Ack(above.name, above.key_id, head.key, head.epoch, head.frame_no, head.frame_hash, now)
            signed = sign_ack(ack, above)
            place = {"stream_id": head.id, "pos": head.pos, "receiver": above.name, "received_at_us": to_us(now)}
            rest = {"ack": signed.ack, "signature": signed.signature}
            session.execute(insert(tables.receipt).values(place | rest))

    tree.district.database.write(keep)


def packed(folder: Path, *, has_words: bool) -> tuple[bytes, bytes]:
    """The province's pack of an invented incident that rose to it over two tiers, beside another one; and the root."""
    tree = Tree(folder)
    try:
        one = tree.commune.open_flood(title="Ngập chợ", description=WORDS, thumbnail=None)
        tree.commune.act(one.id, "triage", severity="4", note="đã gọi tổ dân phố")
        tree.commune.escalate(one.id)
        tree.commune.escalate(tree.commune.open_flood(title="Chuyện khác", description="Chuyện khác").id)
        carry(tree)
        tree.district.act(one.id, "accept")
        carry(tree)
        tree.district.escalate(one.id)
        carry(tree)
        post = tree.district
        read = post.database.read
        raw = read(
            lambda session: pack_of(
                session, post.registry.current, post.keystore, post.clock.now(), one.id, has_words=has_words
            )
        )
        return raw, post.keystore.root_pem
    finally:
        tree.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("tree"), has_words=True)


def test_what_is_proved_by_whom_and_between_which_receipts(made):
    verdict = prove(*made)
    assert verdict.holds, verdict.faults
    assert {one.centre for one in verdict.proofs} >= {verdict.exporter}
    assert len({one.centre for one in verdict.proofs}) >= 2
    assert all(one.is_timely for one in verdict.proofs if one.received_at)
    assert any(one.not_before and one.is_restated for one in verdict.proofs)
    assert any(one.not_before and one.received_at and not one.is_restated for one in verdict.proofs)
    assert WORDS in {one.text for one in verdict.words}
    assert "Chuyện khác" not in {one.text for one in verdict.words}


def test_without_the_keys_everything_is_proved_and_nothing_read(tmp_path):
    raw, root = packed(tmp_path, has_words=False)
    verdict = prove(raw, root)
    assert verdict.holds
    assert verdict.proofs
    assert not verdict.words
    assert WORDS.encode() not in raw


def test_a_flipped_byte_is_noticed_and_its_culprit_named(made):
    raw, root = made
    chosen = random.Random("bytes")  # noqa: S311 - reproducible, guards nothing
    for at in sorted(chosen.sample(range(len(raw)), 40)):
        broken = bytearray(raw)
        broken[at] ^= 1 << chosen.randrange(8)
        assert not prove(bytes(broken), root).holds, at
    members = bundle.unpack(raw)
    record = next(name for name in sorted(members) if name.startswith("records/"))
    members[record] = members[record][:-1] + bytes([members[record][-1] ^ 1])
    assert record.split("/")[1] in {one.centre for one in prove(bundle.pack(members), root).faults}


def test_a_receipt_is_not_taken_for_another_frame(made):
    raw, root = made
    members = bundle.unpack(raw)
    names = [name for name in sorted(members) if name.startswith("receipts/")]
    members[names[0]], members[names[1]] = members[names[1]], members[names[0]]
    assert {"RECEIPT"} <= {one.code for one in prove(bundle.pack(members), root).faults}


def test_a_key_that_does_not_fit_opens_nothing():
    payload = b"\x1a\x20" + b"\x7a\x1e" + bytes(30)  # content with a cipher text
    keys = words.Keys(bytes(16), bytes(32), b"")
    with pytest.raises(Damaged):
        list(words.open_words("", Record(rid=bytes(16), kind="incident.alert", payload=payload), keys))


def test_a_tree_that_one_signer_approved_is_not_taken(made):
    raw, root = made
    envelope = json.loads(bundle.unpack(raw)["registry.signed"])
    envelope["approvals"] = envelope["approvals"][:1] * 2
    with pytest.raises(Damaged, match="takes 2 signers"):
        registry.listings(json.dumps(envelope).encode(), root)


def bare(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The verifier's folder, the sample and one certificate; no checkout, no settings, no keys."""
    shutil.copytree(REPOSITORY / "federation" / "verify", folder / "verify", dirs_exist_ok=True)
    run = (
        "import runpy, sys; sys.path.insert(0, '.'); sys.argv = ['verify', *sys.argv[1:]]; "
        "runpy.run_module('verify', run_name='__main__'); "
    )
    command = [sys.executable, "-I", "-c", run, "sample.zip", "--root", str(SAMPLE / "root.pem"), *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={"PATH": os.defpath})


def test_the_sample_holds_in_a_bare_process_after_its_certificates_have_expired(tmp_path):
    """The sample is of 2019, with the lives that certificates have: those of all centres are over."""
    members = bundle.unpack((SAMPLE / "sample.zip").read_bytes())
    ends = [x509.load_der_x509_certificate(der).not_valid_after_utc for name, der in members.items() if ".der" in name]
    assert max(ends) < datetime(2025, 1, 1, tzinfo=UTC)
    shutil.copy(SAMPLE / "sample.zip", tmp_path)
    done = bare(tmp_path, "--lang", "vi")
    assert done.returncode == 0, done.stdout + done.stderr
    *sentences, last = done.stdout.splitlines()
    assert "Tất cả đều đúng." in sentences
    assert WORDS in done.stdout
    assert json.loads(last)["ok"]
    raw = bytearray((tmp_path / "sample.zip").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "sample.zip").write_bytes(bytes(raw))
    done = bare(tmp_path)
    assert done.returncode == 1
    assert "DOES NOT HOLD" in done.stdout


if __name__ == "__main__":  # makes the sample anew: python -m tests.node.test_evidence FOLDER
    posts.FakeClock = partial(posts.FakeClock, datetime(2019, 6, 1, 1, tzinfo=UTC))
    made_raw, made_root = packed(Path(sys.argv[1]), has_words=True)
    (SAMPLE / "sample.zip").write_bytes(made_raw)
    (SAMPLE / "root.pem").write_bytes(made_root)
