"""How enrolment travels: the newcomer's visit, the desk that receives it, and the hop to the authority.

    newcomer --TLS, server only--> its parent's desk --mutual TLS--> ... --mutual TLS--> the desk with the authority

The request is sealed to the authority; a desk on the way hands on bytes that it cannot read, and refuses to hand on
for anybody but its own children. What a desk does learn is the new registry that comes back beside the sealed answer:
without it, it would turn the newcomer away at the first dial.
"""
