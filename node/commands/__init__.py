"""The commands of `python -m node`, one file per group."""
