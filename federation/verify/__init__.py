"""Proves a bundle of stored frames to somebody who trusts one root certificate and nothing else of ours.

A second implementation on purpose: it imports only the standard library and `cryptography`, decodes the wire format
by itself, and shares with the rest of the house no line of code, only golden bytes in the tests. The folder can be
copied elsewhere and run there: `python -m verify BUNDLE.zip --root root.pem`.

A bundle is a ZIP file, stored without compression and packed in one way only, so that no byte of it is free:

    manifest.json                                what the exporting centre says it put in, signed by it
    manifest.sig                                 Ed25519 over the manifest, by the exporter's record key
    issuing/<number>.der                         certificates of issuing authorities, signed by the root
    certificates/<origin>/<key id>.der           certificates of record keys, signed by an issuing authority
    frames/<origin>/<lane>/<audience>/<epoch>    frames of one epoch in order, each after its length in 4 bytes

Verified for each centre: the chain from the root to its key; each frame's signature, count and Merkle root; that each
epoch of each stream is one unbroken chain from its genesis and continues where the epoch before it ended; and each
record of another centre that is enclosed in a record, with its own proof. What was cut off at the end of a stream is
noticed against the exporter's signed manifest; what the exporter itself left out there can be noticed only against
the receipts that it gave.
"""
