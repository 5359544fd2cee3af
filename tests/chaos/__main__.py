"""`python -m tests.chaos`: real nodes die and lines break while citizens report; one line of JSON last."""

import argparse
import asyncio
import json
import os
import sys

from tests.chaos.rig import Wishes, run


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> int:
    wishes = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    wishes.add_argument("--cycles", type=int, default=40, help="how many times something breaks")
    wishes.add_argument("--seed", type=int, default=None, help="the same choices again; the timing stays the machine's")
    given = wishes.parse_args()
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(3), "big")
    facts = asyncio.run(run(Wishes(cycles=given.cycles, seed=seed, tell=tell)))
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    return 0 if facts["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
