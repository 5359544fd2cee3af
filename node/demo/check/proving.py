"""The province's stored bytes, proved by a process that has the verifier's folder and one certificate."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from node.demo.check.scene import DidNotHold, Scene
from node.demo.check.shell import run_python
from node.demo.children import REPOSITORY

# -I: no checkout, no environment, no user site; the folder beside it holds the verifier, the bundle and root.pem.
_RUN = (
    "import runpy, sys; sys.path.insert(0, '.'); sys.argv = ['verify', *sys.argv[1:]]; "
    "runpy.run_module('verify', run_name='__main__')"
)


async def prove(scene: Scene) -> None:
    """Export through the command line, prove in a fresh process, and see it refuse a bundle with one byte changed."""
    folder = scene.scratch("proof")
    shutil.copytree(
        REPOSITORY / "federation" / "verify", folder / "verify", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(scene.sites.root_of_trust / "root.pem", folder / "root.pem")
    settings = scene.sites[scene.plan.root.code].settings
    bundle = folder / "province.zip"
    await run_python(REPOSITORY, "-m", "node", "evidence", "frames", "--config", str(settings), "--out", str(bundle))
    good = json.loads(await run_python(folder, "-I", "-c", _RUN, bundle.name, "--root", "root.pem", "--json"))
    _check_counts(scene, good)
    scene.found["verified"] = {
        "frames": sum(one["frames"] for one in good["centres"].values()),
        "records": sum(one["records"] for one in good["centres"].values()),
        "enclosed": sum(one["enclosed"] for one in good["centres"].values()),
        "figures": sum(one["figures"] for one in good["centres"].values()),
        "centres": len(good["centres"]),
    }
    await _check_refusal(scene, folder, bundle.read_bytes())


def _check_counts(scene: Scene, good: dict[str, Any]) -> None:
    """Every commune's records lie in the proof, at least as many as citizens were promised there."""
    if not good["ok"]:
        raise DidNotHold(f"the province's frames do not verify: {good['faults'][:3]}")
    enclosed = {one["code"]: one["enclosed"] for one in good["centres"].values()}
    for commune in scene.plan.leaves():
        promised = sum(receipt.commune == commune.code for receipt in scene.receipts)
        if enclosed.get(commune.code, 0) < promised:
            raise DidNotHold(f"{commune.title}: {promised} reports, {enclosed.get(commune.code, 0)} records proved")


async def _check_refusal(scene: Scene, folder: Path, bundle: bytes) -> None:
    """One byte of what was signed of a report is changed inside the bundle; its words are enciphered."""
    raw = bytearray(bundle)
    at = raw.index(UUID(scene.receipts[0].incident_id).bytes) + 1
    raw[at] ^= 1
    (folder / "altered.zip").write_bytes(raw)
    answer = json.loads(
        await run_python(folder, "-I", "-c", _RUN, "altered.zip", "--root", "root.pem", "--json", expected=1)
    )
    if answer["ok"] or not answer["faults"]:
        raise DidNotHold("the verifier believed a bundle in which a byte was changed")
    scene.found["altered_bundle"] = answer["faults"][0]["title"]
