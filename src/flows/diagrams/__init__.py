"""Stock-and-flow diagrams: drawn from a file's own sketch, and laid out where the file has none.

`arrange` sees to all views of a file: `plan` says which there are, `layout` makes one, with `skeleton` (stocks and
flows), `place` (words) and `route` (arrows), on the `geometry` of texts and curves. `extend` puts new words on a view
that somebody made, `flat` cuts a view by elements, `overview` shows the sectors. `draw` makes a picture,
`quality` counts what is wrong with it.
"""
