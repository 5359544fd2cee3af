"""The HTTP interface of a node, one file per noun; every route names a permission or is marked public."""
