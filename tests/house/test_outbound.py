"""Nothing of ours fetches an address that came from a person: who may open a connection, and to whom, stands here.

Today no field, setting of a screen, record or message of another centre is ever dialled. Whoever adds a client adds its
home here, with the place that its addresses come from, and answers for it.
"""

import ast

import pytest

from tests.house import tree

CLIENTS = (
    *("httpx", "aiohttp", "requests", "urllib.request", "urllib3", "http.client", "websockets", "socket"),
    *("smtplib", "ftplib", "imaplib", "poplib", "telnetlib", "xmlrpc", "grpc", "nats", "webbrowser", "asyncssh"),
)
DIALS = ("asyncio.open_connection", "socket.create_connection", "open_connection", "create_connection", "urlopen")

# Home -> where the addresses that it dials come from.
HOMES = {
    "federation/grpc_link.py": "[parent] of the settings",
    "federation/copies_link.py": "[parent] of the settings, over mutual TLS",
    "federation/bulk/calls.py": "[parent] of the settings, over mutual TLS",
    "federation/delivery.py": "the type of a server",
    "federation/enrolment/desk.py": "[parent] of the settings",
    "federation/enrolment/visit.py": "[parent] of the settings",
    "federation/enrolment/channel.py": "[parent] of the settings",
    "federation/suspicion.py": "[parent] of the settings, to say why it does not answer",
    "federation/nats_counter.py": "[link] nats of the settings",
    "federation/nats_link.py": "[parent] nats of the settings",
    "federation/nats_channel.py": "[parent] nats of the settings",
    "node/watchdog.py": "NOTIFY_SOCKET of the service manager",
    "node/serving.py": "listens only",
    "node/local.py": "the node's own Unix socket",
    "node/intake/line.py": "the node's own Unix socket",
    "ui/proxy.py": "--node and --intake of the command line",
    "ui/client.py": "--node of the command line",
    "ui/session.py": "--node of the command line",
    "ui/streamlit_child.py": "its own child on this machine",
    "ui/forward.py": "--node and --intake of the command line",
    "ui/visitor.py": "--node of the command line",
    "ui/__main__.py": "listens only",
}
ON_ONE_MACHINE = ("node/demo/", "node/drill/")  # rehearsals: loopback addresses that they have chosen themselves


def dialling(name: str, module: ast.Module) -> list[str]:
    """What a file without a home imports or calls to open a connection."""
    if name in HOMES or name.startswith(ON_ONE_MACHINE):
        return []
    found = []
    for part in ast.walk(module):
        if isinstance(part, ast.Import):
            names = [alias.name for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            names = [part.module or "", *(f"{part.module}.{alias.name}" for alias in part.names)]
        elif isinstance(part, ast.Call):
            found += [f"{name}:{part.lineno} {dialled}" for dialled in DIALS if tree.dotted(part.func) == dialled]
            continue
        else:
            continue
        found += [
            f"{name}:{part.lineno} {client}"
            for client in CLIENTS
            if any(one == client or one.startswith(f"{client}.") for one in names)
        ]
    return found


def test_only_homes_open_connections() -> None:
    assert [line for name in tree.python(*tree.PRODUCT) for line in dialling(name, tree.syntax(name))] == []


def test_every_home_still_needs_it() -> None:
    files = set(tree.python(*tree.PRODUCT))
    assert [name for name in HOMES if name not in files] == []
    idle = [name for name in HOMES if not dialling(f"elsewhere/{name}", tree.syntax(name))]
    assert idle == []


@pytest.mark.parametrize(
    "line",
    [
        "import httpx",
        "from aiohttp import ClientSession",
        "import urllib.request",
        "from urllib import request",
        "import socket",
        "from http import client",
        "await asyncio.open_connection(host, 80)",
        "import grpc.aio",
    ],
)
def test_the_check_sees(line: str) -> None:
    text = f"async def f():\n    {line}"
    assert dialling("modules/citizen/preview.py", ast.parse(text))
    assert not dialling("node/local.py", ast.parse(text))
