"""The process that strangers reach: `python -m node intake`, with its own quota, and nothing in it worth stealing.

A centre's node holds keys, accounts and everything recorded. Whoever may send it a request without signing in may also
send ten thousand, or one that is made to break a decoder. So what a module offers to strangers (`Module.public`) is
served by a process of its own: it bounds what comes in before it is parsed, lets a picture be decoded in a child with
limits, and hands what it has checked to the node through a Unix socket (`line.py`), where the module's counter
(`Module.counter`) checks it again and commits. Only then is anything said to be recorded.

The process opens no database and no key. Where the kernel has Landlock, it also gives up the right to (`confine.py`):
it can read code and the territory's file, write nothing, and open no connection. It does not survive by being clever;
it may be killed at any time and loses nothing that was promised, because it promises nothing before the node has.
"""
