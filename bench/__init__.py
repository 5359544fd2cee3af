"""How fast and how heavy it is, beside what the machine can do at best, measured in one run.

A parent, in a process of its own, takes in what one child, and then 170 children, have lying on their disks: real keys,
real deliveries, mutual TLS. Then a commune, a district and a province as whole nodes: how long a citizen's report takes
upwards, how fast figures pass two hops, what an idle node costs, what each who looks at a screen costs. Every limit is
measured in the same run with the same bytes by a `bare_*.py` that stands alone and imports nothing of ours. What counts
is the ratio; the figures themselves are this machine's at that moment.
"""
