"""Large objects between two centres: by the hash of their content, on demand, resumable, after everything else.

An object is its bytes, named by their SHA-256. A *manifest* cuts it into chunks and names each chunk's hash; the
manifest's own hash stands in a record that the owner signed, so whoever holds the record can tell every chunk from a
forged one as it arrives, and no one in between has to be believed. Nothing is pushed: somebody *wants* an object, and
the centre below that its record came through brings it, hop by hop, unless its owner's rules refuse.

The child opens no port for this either. It asks its parent what is wanted (the call is held open until something is)
and brings it, one chunk per call, while nothing urgent or regular waits. What has arrived is on the disk and is found
again after any end of either process: only the chunks that are missing are asked for.

`manifest.py` the bytes · `objects.py` the files · `wants.py` the rows · `wishes.py` what is told of them ·
`desk.py` the side that wants · `carrier.py` the side that brings · `calls.py` the gRPC between them. Which objects may
leave, and what a person is told, is not decided here: the node lends `Rules`.
"""
