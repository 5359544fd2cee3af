"""Nodes put together as `serve` does it, never started: between them every module of this repository is switched on."""

import atexit
import shutil
import tempfile
import tomllib
from functools import cache
from pathlib import Path

from fastapi import FastAPI

from node.app import Node
from node.settings import Settings
from tests.fakes.authority import empty_federation
from tests.house import tree

TITLES = {"ioc": "IOC tỉnh Đồng Nai", "oc": "OC tỉnh Đồng Nai", "coc": "COC tỉnh Đồng Nai"}


@cache
def nodes() -> tuple[Node, ...]:
    """One node with every module that may be switched on at its tier, and another tier's for those that are left."""
    left, made = {name: _tiers(name) for name in tree.module_names()}, []
    for tier in TITLES:
        fits = [name for name, tiers in left.items() if tier in tiers]
        if fits or not made:
            made.append(_node(tier, [name for name in tree.module_names() if tier in _tiers(name)]))
        left = {name: tiers for name, tiers in left.items() if name not in fits}
    return tuple(made)


def _tiers(name: str) -> list[str]:
    tiers: list[str] = tomllib.loads(tree.text(f"modules/{name}/manifest.toml"))["tiers"]
    return tiers


def _node(tier: str, modules: list[str]) -> Node:
    """A node without neighbours; its folder goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    federation = empty_federation(folder / "federation")
    federation.join("75", TITLES[tier], tier, None)
    settings = folder / "node.toml"
    settings.write_text(
        "\n".join(
            [
                "[node]",
                f'tier = "{tier}"',
                'code = "75"',
                f'title = "{TITLES[tier]}"',
                f'folder = "{federation.home("75")}"',
                "[accounts]",
                "second_factor = []",
                "[territory]",
                f'file = "{tree.ROOT / "deploy/dongnai/territory.toml"}"',
                "[modules]",
                f"enabled = {modules}",
            ]
        ),
        encoding="utf-8",
    )
    return Node(Settings.load(settings))


def node() -> Node:
    """The first of them, at the topmost tier."""
    return nodes()[0]


def applications() -> list[FastAPI]:
    """What people and programs reach over HTTP."""
    return [node.app for node in nodes()]


def local_applications() -> list[FastAPI]:
    """What commands of the same machine reach through the local socket."""
    return [node.local_app for node in nodes()]
