"""One operations centre: the nouns of the trade, and the HTTP interface to them.

A node is an IOC, an OC or a COC by its configuration alone. `app.py` puts the parts together; `module.py` is the page a
module's author reads; `database.py` is the only place that commits; `access.py` is the only place that says who may.
"""
