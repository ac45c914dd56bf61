"""The engine: representation → generated source → a run.

`layout` gives every element a slot, `hoist` and `schedule` say what is evaluated when and in which loops, `emit` walks
from expressions to statements. Each target language prints these its own way: `llvm` (many runs at once), `emit_python`
(to step through) and `emit_js` (for a page), the latter two with `emit_text`. `kernel` is the way in: it prepares a
program and has it run, by `native` as machine code or statement by statement. `clock` says at which times, `integrate`
and `runtime` what a run does, on bare floats, `draws` where its random numbers come from. `reference` is the same run
by PySD.
"""
