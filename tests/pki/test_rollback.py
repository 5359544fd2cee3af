"""Old and wrong registries with true signatures: what a node that has seen a newer one does not take."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from pki import encoding, enrol
from pki.approval import SigningKey
from pki.authority import REGISTRY_LIFE
from pki.contents import Contents
from pki.enrol_token import parse_token
from pki.errors import GateRefused, PkiError
from pki.gate import Gate
from pki.registry import RegistryFile
from pki.statement import sign_contents
from tests.fakes.authority import THREE_TIERS, FakeFederation, small_federation


@pytest.fixture
def land(tmp_path: Path) -> FakeFederation:
    return small_federation(tmp_path, centres=THREE_TIERS)


def refused(call, *arguments, **named) -> str:
    with pytest.raises(PkiError) as caught:
        call(*arguments, **named)
    return caught.value.code


def later(land: FakeFederation, contents: Contents, **changed: object) -> bytes:
    """The next version after the newest, signed by both real signers over whatever is asked for."""
    folder = land.folder / "authority"
    first, second = SigningKey.load(folder, "registry.key"), SigningKey.load(folder / "second-signer")
    fresh = dataclasses.replace(contents, **{"version": land.registry.version + 1, **changed})
    return sign_contents(fresh, first, (first.approve(fresh), second.approve(fresh)))


def test_an_older_registry_changes_nothing(land: FakeFederation) -> None:
    file, old = land.registry_file("731"), land.authority.registry_raw
    land.authority.revoke(land.name("26374"), land.now + timedelta(hours=2))
    assert file.offer(land.authority.registry_raw)
    assert refused(file.offer, old) == "OLD_REGISTRY"
    assert file.current.centre(land.name("26374")).state == "revoked"
    # Nor after a restart: what was seen last lies in the keys' folder and not in the database.
    again = RegistryFile(land.home("731") / "keys" / "registry.signed", land.root_pem, lambda: land.now)
    assert refused(again.offer, old) == "OLD_REGISTRY"
    assert again.current.version == file.current.version


def test_an_old_tree_under_a_new_version(land: FakeFederation) -> None:
    """One stolen key and the approvals of long ago: the tree of before the move, as the newest version."""
    file, old = land.registry_file("731"), land.registry
    land.plan("25993", "COC phường Trảng Dài", "coc", "731")
    file.offer(land.authority.registry_raw)
    first = SigningKey.load(land.folder / "authority", "registry.key")
    replayed = dataclasses.replace(old.contents, version=land.registry.version + 1)
    assert refused(file.offer, sign_contents(replayed, first, old.approvals)) == "OLD_TREE"


def test_two_trees_of_one_version(land: FakeFederation) -> None:
    file = land.registry_file("731")
    centres = tuple(dataclasses.replace(one, title="x") for one in land.registry.centres)
    assert refused(file.offer, later(land, land.registry.contents, centres=centres)) == "FORK"


def test_the_end_of_a_centre_is_for_ever(land: FakeFederation) -> None:
    file, before = land.registry_file("731"), land.registry.contents
    land.authority.revoke(land.name("26374"), land.now)
    file.offer(land.authority.registry_raw)
    assert refused(file.offer, later(land, land.registry.contents, centres=before.centres)) == "TAKEN_BACK"
    tree = land.registry.tree_version + 1
    without = tuple(one for one in land.registry.centres if one.code != "26374")
    raw = later(land, land.registry.contents, centres=without, tree_version=tree)
    assert refused(file.offer, raw) == "TAKEN_BACK"


def test_keys_of_the_past_stay(land: FakeFederation) -> None:
    file = land.registry_file("731")
    bare = tuple(dataclasses.replace(one, sign_certificates=()) for one in land.registry.centres)
    assert refused(file.offer, later(land, land.registry.contents, centres=bare)) == "TAKEN_BACK"


def test_the_deny_list_only_grows_until_a_certificate_has_ended(land: FakeFederation) -> None:
    file, issuer = land.registry_file("731"), encoding.issuer_key(land.issuing_signer().certificate)
    land.authority.deny(issuer, 77, land.now + timedelta(days=60), land.now)
    file.offer(land.authority.registry_raw)
    assert file.current.is_denied(issuer, 77)
    assert not file.current.is_denied(file.current.root_key, 77)
    assert refused(file.offer, later(land, land.registry.contents, denied=())) == "TAKEN_BACK"
    # Sixty days later the certificate has ended by itself; the list need not carry it any more.
    after = RegistryFile(
        land.home("731") / "keys" / "registry.signed", land.root_pem, lambda: land.now + timedelta(days=62)
    )
    land.authority.refresh(land.now + timedelta(days=61))
    assert after.offer(land.authority.registry_raw)
    assert not after.current.is_denied(issuer, 77)


def test_a_denied_leaf_and_a_denied_authority(land: FakeFederation) -> None:
    gate = Gate(land.root_pem, lambda: land.authority.registry)
    admission = gate.admit(land.keystore("26374").tls_chain_pem, land.now)
    neighbour = gate.admit(land.keystore("731").tls_chain_pem, land.now)
    issuer, serial = admission.members[0]
    land.authority.deny(issuer, serial, admission.not_after, land.now)
    assert refused(gate.recheck, admission, land.now) == "DENIED"
    gate.recheck(neighbour, land.now)
    root_key, issuing_serial = neighbour.members[1]
    land.authority.deny(root_key, issuing_serial, land.now + timedelta(days=900), land.now)
    with pytest.raises(GateRefused) as caught:
        gate.recheck(neighbour, land.now)
    assert caught.value.code == "DENIED"
    assert refused(gate.admit, land.keystore("731").tls_chain_pem, land.now) == "DENIED"


def test_a_registry_ages_and_is_signed_anew(land: FakeFederation) -> None:
    file = land.registry_file("731")
    late = land.now + REGISTRY_LIFE + timedelta(seconds=1)
    assert not file.current.is_stale(land.now + REGISTRY_LIFE)
    assert file.current.is_stale(late)
    assert not land.authority.refresh(land.now + timedelta(hours=23))
    assert land.authority.refresh(late)
    fresh = RegistryFile(land.home("731") / "keys" / "registry.signed", land.root_pem, lambda: late)
    assert fresh.offer(land.authority.registry_raw)
    assert not fresh.current.is_stale(late)
    assert fresh.current.tree_version == file.current.tree_version


def test_links_outlive_a_registry_and_newcomers_do_not_begin_with_one(land: FakeFederation, tmp_path: Path) -> None:
    """The province is away for 35 days: neighbours still know each other; but nobody new starts from an old list."""
    late = land.now + timedelta(days=35)
    assert land.registry.is_stale(late)
    Gate(land.root_pem, lambda: land.registry).admit(land.keystore("26374").tls_chain_pem, late)
    land.plan("25993", "COC phường Trảng Dài", "coc", "731")
    token = parse_token(land.authority.issue_token("25993", land.now))
    attempt = enrol.begin(token, enrol.offer_of(land.registry, land.root_pem), land.now)
    answer = land.authority.enrol(attempt.sealed_request, land.now)
    assert refused(enrol.finish, attempt, answer, tmp_path / "new" / "keys", late) == "STALE_REGISTRY"
    assert not (tmp_path / "new" / "keys").exists()
