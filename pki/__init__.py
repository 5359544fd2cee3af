"""Keys, certificates, and who is who in one federation.

A federation is one province. Its trust is a short chain that a person can draw on paper:

    root (P-384, 15 years, kept offline)
     |-- issuing CA (P-256, 3 years, may sign nothing but names under lienthong.internal)
     |     |-- auth certificate of each centre (P-256, 60 days): opens TLS between two centres
     |     |-- sign certificate of each centre (Ed25519, 1 year): signs records
     |     `-- sealing certificate (X25519): an enrolment request is readable by the authority alone
     `-- delegation (Ed25519): signs the registry

An identity is exactly one literal, lower-case DNS name, `n-<16 base32>.lienthong.internal`. It says nothing about
the centre on purpose: code, title, tier and parent change by decree, a key's name must not. Those facts live in the
*registry*, a signed, dated document with a version that only grows; every node holds a copy outside its database,
and so verifies frames and admits peers while the province is unreachable.

A centre joins with a one-time token. It makes its own keys, proves that it holds them, and seals the request to the
authority; whoever relays the request (an OC for its COCs) sees bytes. The authority writes every name and extension
itself: what a request asks for beyond possession of a key is not even read.

Nothing here reads the clock or the network: times are parameters, transport is `federation.enrolment`.
"""
