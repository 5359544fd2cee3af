"""One node put together as `serve` does it, with every module switched on, never started."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from fastapi import FastAPI

from node.app import Node
from node.settings import Settings
from tests.fakes.authority import empty_federation
from tests.house import tree


@cache
def node() -> Node:
    """The node; its folder goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    federation = empty_federation(folder / "federation")
    federation.join("75", "IOC tỉnh Đồng Nai", "ioc", None)
    settings = folder / "node.toml"
    settings.write_text(
        "\n".join(
            [
                "[node]",
                'tier = "ioc"',
                'code = "75"',
                'title = "IOC tỉnh Đồng Nai"',
                f'folder = "{federation.home("75")}"',
                "[accounts]",
                "second_factor = []",
                "[territory]",
                f'file = "{tree.ROOT / "deploy/dongnai/territory.toml"}"',
                "[modules]",
                f"enabled = {tree.module_names()}",
            ]
        ),
        encoding="utf-8",
    )
    return Node(Settings.load(settings))


def application() -> FastAPI:
    """What people and programs reach over HTTP."""
    return node().app


def local_application() -> FastAPI:
    """What commands of the same machine reach through the local socket."""
    return node().local_app
