"""What the UI is told by its surroundings; the only reader of the environment in `ui`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HOUSE = Path(__file__).resolve().parent.parent
DASH = "/dash"
SECRET_HEADER = "X-Lt-Proxy"  # noqa: S105 - the header's name, no secret
ORIGIN_HEADER = "X-Lt-Origin"
USER_HEADERS = {"X-Lt-User": "username", "X-Lt-Name": "display_name", "X-Lt-Role": "role"}

_NODE = "LIENTHONG_UI__NODE"
_SECRET = "LIENTHONG_UI__SECRET"  # noqa: S105 - the variable's name, no secret


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What the Streamlit process needs to know: where its node is, and how it recognises its own proxy."""

    node: str
    secret: str

    @classmethod
    def from_environment(cls) -> Self:
        """Read what the proxy left for its child; an empty secret admits nobody."""
        return cls(node=os.environ.get(_NODE, "http://127.0.0.1:8001"), secret=os.environ.get(_SECRET, ""))

    def environment(self) -> dict[str, str]:
        """The environment of the Streamlit process, including which headers become `st.user`."""
        return {
            **os.environ,
            _NODE: self.node,
            _SECRET: self.secret,
            "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": json.dumps(USER_HEADERS),
            "PYTHONPATH": str(HOUSE),
        }


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Addresses and limits of the proxy, all times in seconds and sizes in bytes."""

    node: str
    host: str
    port: int
    intake: str = ""
    max_body: int = 64 * 1024 * 1024
    max_message: int = 64 * 1024 * 1024
    connect_timeout_s: float = 5.0
    silence_timeout_s: float = 120.0
    session_cache_s: float = 3.0
    session_recheck_s: float = 5.0
    streamlit: bool = True

    @classmethod
    def parse(cls, node: str, listen: str, intake: str = "") -> Self:
        """Understand `http://host:port` and `host:port`.

        Raises:
            ValueError: an address has no port or an unknown scheme.

        """
        host, _, port = listen.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"--listen needs host:port, got {listen!r}")
        if not node.startswith(("http://", "https://")):
            raise ValueError(f"--node needs http://host:port, got {node!r}")
        if intake and not intake.startswith(("http://", "https://")):
            raise ValueError(f"--intake needs http://host:port, got {intake!r}")
        return cls(node=node.rstrip("/"), host=host.strip("[]"), port=int(port), intake=intake.rstrip("/"))
