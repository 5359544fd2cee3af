"""Which link a node's frames take: gRPC, or NATS where the settings name a server; a parent may offer both at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from federation.grpc_link import AddServices, GrpcLink
from federation.link import Accept, Channel, Link, LinkError, ParentAddress
from node.context import NodeContext
from node.settings import Settings, SettingsError
from pki.gate import Gate
from pki.keystore import Keystore

Refused = Callable[[str, str, str], None]


def parent_address(settings: Settings) -> ParentAddress | None:
    """Where this node's frames go up; none at the root."""
    parent = settings.parent
    return ParentAddress(parent.nats or parent.address) if parent else None


def listen_address(settings: Settings) -> str | None:
    """Where children come in; none at a centre without children."""
    return settings.link.listen or settings.link.nats


@dataclass(frozen=True, slots=True, kw_only=True)
class BothLinks:
    """The node dials its parent over one link and lets its children in over whichever it has an address for."""

    grpc: Link
    nats: Link
    grpc_listen: str | None
    nats_listen: str | None
    is_parent_over_nats: bool

    async def dial(self, address: str, name: str) -> Channel:
        """Connect to the parent over the link that the settings name."""
        return await (self.nats if self.is_parent_over_nats else self.grpc).dial(address, name)

    async def listen(self, address: str, accept: Accept) -> int:
        """Let children in over both; the port of the first. A child that comes over both is fenced as ever."""
        port = 0
        if self.grpc_listen:
            port = await self.grpc.listen(self.grpc_listen, accept)
        if self.nats_listen:
            nats_port = await self.nats.listen(self.nats_listen, accept)
            port = port or nats_port
        if not port:
            raise LinkError("BIND", f"no link listens on {address}")
        return port

    async def close(self) -> None:
        """End both."""
        await self.nats.close()
        await self.grpc.close()


def choose_link(
    context: NodeContext, keystore: Keystore, refused: Refused, services: Sequence[AddServices]
) -> BothLinks | None:
    """The links that the settings ask for; none where gRPC alone does, which delivery makes itself."""
    settings = context.settings
    is_parent_over_nats = bool(settings.parent and settings.parent.nats)
    if not settings.link.nats and not is_parent_over_nats:
        return None
    try:
        # Only a node that uses it needs the library.
        from federation.nats_counter import Needs  # noqa: PLC0415 - as above
        from federation.nats_link import NatsLink  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SettingsError([f"nats: this link needs the package nats-py ({error})"]) from error
    gate = Gate(keystore.root_pem, lambda: context.registry.current)
    needs = Needs(
        keystore=keystore,
        gate=gate,
        registry=context.registry,
        clock=context.clock,
        random=context.random,
        on_refused=refused,
        server_file=settings.nats_file,
    )
    return BothLinks(
        grpc=GrpcLink(keystore=keystore, gate=gate, clock=context.clock, on_refused=refused, extra_services=services),
        nats=NatsLink(needs),
        grpc_listen=settings.link.listen,
        nats_listen=settings.link.nats,
        is_parent_over_nats=is_parent_over_nats,
    )
