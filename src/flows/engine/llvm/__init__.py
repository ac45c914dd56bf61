"""LLVM's assembly language as target: eight runs at once, one in each lane of every vector.

Writing the vectors ourselves leaves nothing to a compiler's judgement: every operation works on all lanes, no check
for overlap is needed, and the text is short enough that a model of a thousand elements compiles in half a second.
Arithmetic is IEEE double precision without contraction or reordering, so that a lane computes what plain Python
computes.

`signature` is what all functions take, `lines` writes instructions; `body` prints equations with them, `loops` the
integration around these, `lookup` and `vectormath` what both call; `translate` reads functions of
`flows.engine.runtime`. `source` puts a model together.
"""

from flows.engine.llvm.body import LIBRARY
from flows.engine.llvm.signature import LANES
from flows.engine.llvm.source import Source

__all__ = ["LANES", "LIBRARY", "Source"]
