"""A node of another federation at the province's door: valid keys, valid certificates, the wrong root."""

import grpc
import grpc.aio

from federation.v1 import link_pb2, link_pb2_grpc
from node.demo.check.scene import DidNotHold, Scene
from node.demo.founding import lay
from node.demo.ports import LOOPBACK
from node.demo.sites import Sites, place
from pki import enrol
from pki.authority import Authority
from pki.enrol_token import parse_token
from pki.keystore import Keystore

_LIMIT_S = 30.0


async def knock(scene: Scene) -> None:
    """Found a second federation with the same codes and titles, and let its district dial our province."""
    foreign = place(scene.scratch("foreign"), scene.plan, habit=False)
    keystore = _enrol_beside(foreign, lay(foreign, scene.clock), scene)
    refused = {
        # It trusts its own root only: then it must refuse to talk to our province.
        "the stranger refuses our province": await _dial(scene, keystore, keystore.root_pem),
        # It has got hold of our root's certificate, which is no secret: then our province must refuse it.
        "our province refuses the stranger": await _dial(scene, keystore, _root_pem(scene)),
    }
    links = {link["peer"] for link in await scene.province.links()}
    if keystore.name in links or not all(refused.values()):
        raise DidNotHold(f"a node of another federation was let in: {refused}")
    scene.found["foreign_refused"] = True
    scene.tell("a node of another federation is refused, by both sides")


def _enrol_beside(foreign: Sites, authority: Authority, scene: Scene) -> Keystore:
    """The foreign district's keys, enrolled at its own authority without a wire."""
    district = foreign.plan.children(foreign.plan.root.code)[0]
    token = parse_token(authority.issue_token(district.code, scene.clock.now()))
    attempt = enrol.begin(token, enrol.offer_of(authority.registry, authority.root_pem), scene.clock.now())
    answer = authority.enrol(attempt.sealed_request, scene.clock.now())
    return enrol.finish(attempt, answer, foreign[district.code].keys, scene.clock.now())


def _root_pem(scene: Scene) -> bytes:
    return (scene.sites.root_of_trust / "root.pem").read_bytes()


async def _dial(scene: Scene, keystore: Keystore, root_pem: bytes) -> bool:
    """Whether the connection was refused before a word was heard."""
    top = scene.sites[scene.plan.root.code]
    credentials = grpc.ssl_channel_credentials(root_pem, keystore.tls_key_pem, keystore.tls_chain_pem)
    options = (("grpc.ssl_target_name_override", scene.province.name), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.secure_channel(f"{LOOPBACK}:{top.link}", credentials, options=options) as channel:
        call = link_pb2_grpc.LinkStub(channel).Exchange(timeout=_LIMIT_S)
        try:
            await call.write(link_pb2.Envelope(hello=link_pb2.Hello(version=1, node=keystore.name)))
            heard = await call.read()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise DidNotHold(f"the province said neither yes nor no to a stranger within {_LIMIT_S:g} s") from error
            return True
        return heard is grpc.aio.EOF
