"""How fast records are taken in, beside what the machine can do at best, measured in one run.

A parent, in a process of its own, takes in what one child, and then 170 children, have lying on their disks: real keys,
real deliveries, mutual TLS. Two limits are measured in the same run with the same bytes: `bare_stream.py` sends them
over the same gRPC and TLS to somebody who throws them away, `bare_store.py` commits the same rows in the same batches
to the same kind of database. Both stand alone and import nothing of ours. What counts is the ratio to the slower of
the two; the figures themselves are this machine's at that moment.
"""
