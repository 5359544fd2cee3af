"""The gate stands behind every server that asks for a client's certificate, and nobody else decides who comes in."""

import ast

from tests.house import tree

# Each with what it lets in through the gate.
USERS = {
    "federation/grpc_link.py": "children on the link over gRPC",
    "federation/nats_counter.py": "children on the link over NATS",
    "federation/nats_proof.py": "their proofs",
    "federation/copies_link.py": "neighbours that examine their copies",
    "federation/bulk/calls.py": "children that bring originals",
    "federation/enrolment/desk.py": "children that relay a newcomer",
    "federation/delivery.py": "makes it for the link",
    "node/links.py": "makes it for the links",
    "pki/diagnose.py": "looks at the own certificate with the eyes of a peer",
}


def importers(names: tuple[str, ...]) -> set[str]:
    found = set()
    for name in names:
        for node in ast.walk(tree.syntax(name)):
            if isinstance(node, ast.ImportFrom) and node.module == "pki.gate":
                found.add(name)
    return found


def asks_for_clients(text: str) -> bool:
    return "require_client_auth=True" in text


def test_who_uses_the_gate() -> None:
    assert importers(tree.python(*tree.PRODUCT)) == set(USERS)


def test_every_server_with_client_certificates_has_the_gate_behind_it() -> None:
    servers = {name for name in tree.python(*tree.PRODUCT) if asks_for_clients(tree.text(name))}
    assert servers == {"federation/grpc_link.py"}
    assert servers <= set(USERS)


def test_nobody_else_validates_paths() -> None:
    """TLS aside, one place builds paths: whoever looked at a chain elsewhere could see it differently."""
    users = {name for name in tree.python(*tree.PRODUCT) if "build_client_verifier" in tree.text(name)}
    assert users == {"pki/gate.py"}
