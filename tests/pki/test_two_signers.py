"""A change of the tree takes two signers: what one of them alone cannot do, with keys that are all real."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from pki import encoding
from pki.approval import SigningKey, tree_fingerprint
from pki.authority import Authority
from pki.errors import KeystoreError, PkiError
from pki.founding import create_signer
from pki.names import mint_name
from pki.proposal import changes, read_proposal
from pki.registry import Registry
from pki.statement import sign_contents
from tests.fakes.authority import THREE_TIERS, FakeFederation, empty_federation, small_federation


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=THREE_TIERS)


@pytest.fixture
def apart(land: FakeFederation, tmp_path: Path) -> Path:
    """The second signer's folder, taken away from the authority."""
    shutil.move(land.folder / "authority" / "second-signer", tmp_path / "second")
    return tmp_path / "second"


def refused(call, *arguments, **named) -> str:
    with pytest.raises(PkiError) as caught:
        call(*arguments, **named)
    return caught.value.code


def first(land: FakeFederation) -> SigningKey:
    return SigningKey.load(land.folder / "authority", "registry.key")


def moved(land: FakeFederation):
    """The present contents, with the commune below the province and a tree of the next version."""
    contents = land.registry.contents
    centres = tuple(
        dataclasses.replace(one, parent=land.name("75")) if one.code == "26374" else one for one in contents.centres
    )
    return dataclasses.replace(
        contents, version=contents.version + 1, tree_version=contents.tree_version + 1, centres=centres
    )


def test_one_signature_moves_nobody(land: FakeFederation) -> None:
    contents, key = moved(land), first(land)
    for approvals in ((), (key.approve(contents),), (key.approve(contents), key.approve(contents))):
        raw = sign_contents(contents, key, approvals)
        assert refused(Registry.verified, raw, land.root_pem) == "TOO_FEW_SIGNERS"
        assert refused(land.registry_file("731").offer, raw) == "TOO_FEW_SIGNERS"


def test_the_approvals_of_another_tree_are_none_for_this_one(land: FakeFederation) -> None:
    raw = sign_contents(moved(land), first(land), land.registry.approvals)
    assert refused(Registry.verified, raw, land.root_pem) == "TOO_FEW_SIGNERS"


@pytest.mark.parametrize("fact", ["parent", "code", "title", "tier", "issuing", "sealing", "new", "gone", "since"])
def test_every_fact_of_the_tree_takes_two(land: FakeFederation, fact: str) -> None:
    """With the version of the tree left as it was, so that the old approvals might seem to fit."""
    contents = land.registry.contents
    entry = contents.centres[-1]
    other = {
        "parent": {"parent": land.name("75")},
        "code": {"code": "1"},
        "title": {"title": "x"},
        "tier": {"tier": "oc"},
        "since": {"since": land.now.replace(year=2001)},
    }
    if fact in other:
        centres = (*contents.centres[:-1], dataclasses.replace(entry, **other[fact]))
        contents = dataclasses.replace(contents, centres=centres)
    elif fact == "new":
        fresh = dataclasses.replace(entry, name=mint_name(), code="9", state="planned", sign_certificates=())
        contents = dataclasses.replace(contents, centres=(*contents.centres, fresh))
    elif fact == "gone":
        contents = dataclasses.replace(contents, centres=contents.centres[:-1])
    elif fact == "issuing":
        contents = dataclasses.replace(contents, issuing=contents.issuing * 2)
    else:
        contents = dataclasses.replace(contents, sealing=contents.issuing[0])
    contents = dataclasses.replace(contents, version=contents.version + 1)
    raw = sign_contents(contents, first(land), land.registry.approvals)
    assert refused(land.registry_file("731").offer, raw) == "TOO_FEW_SIGNERS"


def test_states_take_one(land: FakeFederation, apart: Path) -> None:
    """A revocation does not wait for a second person; the old approvals of the tree travel with it."""
    assert apart.exists()
    file = land.registry_file("731")
    land.authority.revoke(land.name("26374"), land.now)
    assert file.offer(land.authority.registry_raw)
    assert file.current.centre(land.name("26374")).state == "revoked"


def test_a_plan_waits_for_the_second_signer(land: FakeFederation, apart: Path, tmp_path: Path) -> None:
    authority = land.authority
    before = authority.registry
    entry = authority.plan("25993", "COC phường Trảng Dài", "coc", land.name("731"), land.now)
    below = authority.plan("25996", "COC phường Tân Phong", "coc", land.name("731"), land.now)
    assert (entry.state, below.state) == ("proposed", "proposed")
    assert authority.registry.raw == before.raw
    assert refused(authority.issue_token, "25993", land.now) == "NOT_PLANNED"
    assert refused(authority.plan, "25993", "x", "coc", land.name("731"), land.now) == "CODE_TAKEN"
    # A commune is revoked while the proposal is on its way; both hold in the end.
    authority.revoke(land.name("26374"), land.now)
    waiting = authority.proposal
    assert refused(authority.publish, waiting.encoded(), land.now) == "TOO_FEW_SIGNERS"
    assert len(changes(before, waiting.contents)) == 2
    assert (
        "COC phường Trảng Dài (25993, coc) joins below OC thành phố Biên Hòa (731)"
        in changes(before, waiting.contents)[0]
    )
    root = encoding.from_pem(land.root_pem, "root")
    signed = read_proposal(waiting.encoded()).approved(SigningKey.load(apart), root)
    assert tree_fingerprint(signed.contents) == tree_fingerprint(waiting.contents)
    assert len(authority.publish(signed.encoded(), land.now)) == 2
    registry = land.registry_file("731").current
    assert [registry.by_code(code).state for code in ("25993", "25996", "26374")] == ["planned", "planned", "revoked"]
    assert registry.tree_version == before.tree_version + 1
    assert authority.proposal is None
    assert authority.issue_token("25993", land.now).startswith("lt1.")
    # The same file again: its tree is in force already.
    assert refused(authority.publish, signed.encoded(), land.now) == "STALE_PROPOSAL"


def test_a_proposal_that_was_changed_on_its_way(land: FakeFederation, apart: Path) -> None:
    """Whoever carries the file adds a centre: neither the first signature nor the second covers it."""
    land.authority.plan("25993", "COC phường Trảng Dài", "coc", land.name("731"), land.now)
    waiting = land.authority.proposal
    added = dataclasses.replace(waiting.contents.centres[-1], name=mint_name(), code="666")
    changed = dataclasses.replace(
        waiting, contents=dataclasses.replace(waiting.contents, centres=(*waiting.contents.centres, added))
    )
    signed = changed.approved(SigningKey.load(apart), encoding.from_pem(land.root_pem, "root"))
    assert refused(land.authority.publish, signed.encoded(), land.now) == "TOO_FEW_SIGNERS"
    assert tree_fingerprint(changed.contents) != tree_fingerprint(waiting.contents)


def test_the_second_signature_is_another_persons(land: FakeFederation, apart: Path) -> None:
    assert apart.exists()
    land.authority.plan("25993", "x", "coc", land.name("731"), land.now)
    root = encoding.from_pem(land.root_pem, "root")
    assert refused(land.authority.proposal.approved, first(land), root) == "ALREADY_SIGNED"


def test_a_signer_of_another_federation_and_a_key_that_the_root_made_for_something_else(
    land: FakeFederation, apart: Path, tmp_path: Path
) -> None:
    assert apart.exists()
    land.authority.plan("25993", "x", "coc", land.name("731"), land.now)
    root = encoding.from_pem(land.root_pem, "root")
    other = empty_federation(tmp_path / "other")
    stranger = SigningKey.load(other.folder / "authority" / "second-signer")
    assert refused(land.authority.proposal.approved, stranger, root) == "NOT_A_SIGNER"
    forged = dataclasses.replace(
        land.authority.proposal,
        approvals=(*land.authority.proposal.approvals, stranger.approve(land.authority.proposal.contents)),
    )
    assert refused(land.authority.publish, forged.encoded(), land.now) == "TOO_FEW_SIGNERS"
    commune = land.keystore("26374")
    own = SigningKey(key=commune._sign_key, delegation=encoding.from_der(commune.sign_certificate, "sign"))
    assert refused(land.authority.proposal.approved, own, root) == "NOT_A_SIGNER"


def test_a_third_signer_stands_in(land: FakeFederation, apart: Path, tmp_path: Path) -> None:
    shutil.rmtree(apart)
    create_signer(land.folder / "root", tmp_path / "third", now=land.now, signer_passphrase=b"a long enough one")
    assert b"ENCRYPTED" in (tmp_path / "third" / "signer.key").read_bytes()
    land.authority.plan("25993", "x", "coc", land.name("731"), land.now)
    third = SigningKey.load(tmp_path / "third", passphrase=b"a long enough one")
    signed = land.authority.proposal.approved(third, encoding.from_pem(land.root_pem, "root"))
    land.authority.publish(signed.encoded(), land.now)
    assert land.registry.by_code("25993").state == "planned"


def test_a_denied_signer_signs_nothing_new(land: FakeFederation) -> None:
    """The second signer's key was stolen: one signature puts it on the deny-list, and every node keeps to that."""
    thief = SigningKey.load(land.folder / "authority" / "second-signer")
    file = land.registry_file("731")
    gone = thief.delegation
    land.authority.deny(file.current.root_key, gone.serial_number, gone.not_valid_after_utc, land.now)
    assert file.offer(land.authority.registry_raw)
    contents, key = moved(land), first(land)
    both = (key.approve(contents), thief.approve(contents))
    assert refused(file.offer, sign_contents(contents, key, both)) == "DENIED_SIGNER"
    states = dataclasses.replace(land.registry.contents, version=contents.version)
    assert refused(file.offer, sign_contents(states, thief, land.registry.approvals)) == "DENIED_SIGNER"
    assert refused(land.authority.plan, "25993", "x", "coc", land.name("731"), land.now) == "DENIED_SIGNER"
    # What it approved before stays in force, and the other one goes on with states.
    land.authority.refresh(land.now.replace(year=land.now.year + 1))


def test_signers_folders_are_closed(land: FakeFederation, apart: Path) -> None:
    assert land.name("75")
    (apart / "signer.key").chmod(0o644)
    with pytest.raises(KeystoreError) as caught:
        SigningKey.load(apart)
    assert caught.value.code == "KEYS_WIDE"


def test_a_damaged_proposal_is_a_refusal(land: FakeFederation, apart: Path) -> None:
    assert apart.exists()
    land.authority.plan("25993", "x", "coc", land.name("731"), land.now)
    raw = land.authority.proposal.encoded()
    for damaged in (b"", b"{}", raw[: len(raw) // 2], raw.replace(b'"contents": "', b'"contents": "!')):
        assert refused(read_proposal, damaged) == "BAD_PROPOSAL"
    land.authority.withdraw(land.now)
    assert land.authority.proposal is None


def test_a_running_authority_sees_what_a_command_did(land: FakeFederation) -> None:
    other = Authority.load(land.folder / "authority")
    other.plan("25993", "x", "coc", land.name("731"), land.now)
    assert land.authority.registry.by_code("25993") is not None
