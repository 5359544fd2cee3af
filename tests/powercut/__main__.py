"""`python -m tests.powercut`: cut the power of two centres at many moments; one line of JSON last, exit 0 if all held.

Two centres work in a process whose writes and syncs are logged (shim.c). From the log the state of the disk after a
loss of power at any moment is made (disk.py): what was synced, and anything of the rest. The product's own code is
opened on it, and held against what had been promised by then (inspection.py).
"""

import argparse
import os
import sys

from tests.powercut.preload import NoCompiler
from tests.powercut.rig import Wishes, run


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> int:
    wishes = argparse.ArgumentParser(prog="python -m tests.powercut", description=__doc__.splitlines()[0])
    wishes.add_argument("--cycles", type=int, default=200, help="how many cuts")
    wishes.add_argument("--seed", type=int, default=None, help="chance, to be repeated; without it another each time")
    wishes.add_argument("--sync", default="", help="NORMAL or OFF, to see that the rig sees: losses are reported then")
    wishes.add_argument("--plant", default="", choices=["", "early-promise", "early-ack"], help="a bug to be seen")
    given = wishes.parse_args()
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(3), "big")
    asked = Wishes(
        cycles=given.cycles,
        seed=seed,
        synchronous=given.sync.upper() or None,
        plant=given.plant or None,
        tell=tell,
    )
    try:
        verdict = run(asked)
    except NoCompiler as error:
        tell(str(error))
        return 2
    for example in verdict.examples:
        tell(example)
    sys.stdout.write(f"{verdict.as_line(asked)}\n")
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
