"""A whole federation on one machine: to be seen (`make demo`), and to be checked without a person (`make demo-check`).

Nothing here is a stand-in. Every centre is a process of its own, `python -m node serve`, with its own folder, keys,
database and settings file; it is enrolled with a one-time token and a certificate request, and a commune reaches the
certificate authority through its district's relay, as a real one does.

`plan` reads what centres there are, `ports` finds ports, `founding` makes folders, keys and accounts, `children` owns
the processes, `running` starts them along the tree and keeps them alive, `telling` speaks to the person.
`check/` drives the same federation through its public interfaces only and says whether everything held.
"""
