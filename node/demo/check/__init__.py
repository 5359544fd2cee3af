"""The demo's federation put to the test without a person, through its public interfaces only.

The check is a suspicious outsider: what a citizen was promised (each answer 201) is kept in this process alone, and
the province is asked at the end whether it has all of it, once. It kills a district while it owes answers, lies to
the province with a real district's keys, and proves the province's records to a process that trusts one certificate.
`story` tells the order; each step has its file.
"""
