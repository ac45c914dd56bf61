"""Vensim's file formats: text → syntax tree → model, and back.

In: `parse` cuts a file into blocks and `grammar` reads their expressions, into the nodes of `tree`; `xmile` gives the
same tree of an XMILE file, and `source` chooses between the two. `lower` makes variables and equations of it, with
`ranges` (subscripts), `calls`, `functions` (the one table of them), `known` (constants worked out), `macros`, `expand`
(delays as stocks), `vectors` and `series` (lookups and data); `context` is what these share. `external` reads
spreadsheets and data sets. `read` is the way in: parse, lower, check.

Beside it: `sketch` keeps the views, `companions` the files of Vensim's own studies.

Out: `edit` changes single equations, `flatten` writes a model without subscripts, with `sides` and `spell`; `results`
writes a run as a data set.
"""
