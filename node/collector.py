"""What Python's search for cyclic garbage goes through, in a process that runs for months."""

import gc

_YOUNG = 20_000


def leave_out_what_stays() -> None:
    """Never search again what was imported and opened until now, and search what is new less often.

    Frames in the hands of a centre with many children are tens of thousands of objects, none of them cyclic. With the
    limits that Python begins with, a sixth of the processor time went into looking at them, and at everything else.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
