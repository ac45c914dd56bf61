"""The model: representation, checks, order of evaluation.

`ir` holds the typed nodes and variables, `model` is what users see of them; `check` asks for units and conservation,
`order` says what is evaluated when, `graph` who influences whom; `series` is what keywords of data variables mean, and
`driven` puts observed series in place of equations.
"""
