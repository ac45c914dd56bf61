"""Interpolation in a table: one lane's, and lane by lane."""

from __future__ import annotations

from flows.engine.llvm.signature import LANES

# Interpolation with Vensim's hold outside the points: see flows.engine.runtime.lookup.
SCALAR_LOOKUP = """
define internal double @lookup(ptr noalias readonly %tab, i64 %start, i64 %n, double %x) noinline {
begin:
  %px = getelementptr double, ptr %tab, i64 %start
  %py = getelementptr double, ptr %px, i64 %n
  %ps = getelementptr double, ptr %py, i64 %n
  %last = sub i64 %n, 1
  %first.x = load double, ptr %px
  %below = fcmp ole double %x, %first.x
  br i1 %below, label %hold.first, label %test.last
hold.first:
  %first.y = load double, ptr %py
  ret double %first.y
test.last:
  %plx = getelementptr double, ptr %px, i64 %last
  %last.x = load double, ptr %plx
  %above = fcmp oge double %x, %last.x
  br i1 %above, label %hold.last, label %search
hold.last:
  %ply = getelementptr double, ptr %py, i64 %last
  %last.y = load double, ptr %ply
  ret double %last.y
search:
  %low = phi i64 [0, %test.last], [%low.next, %narrow]
  %high = phi i64 [%last, %test.last], [%high.next, %narrow]
  %gap = sub i64 %high, %low
  %more = icmp sgt i64 %gap, 1
  br i1 %more, label %narrow, label %found
narrow:
  %sum = add i64 %low, %high
  %middle = lshr i64 %sum, 1
  %pm = getelementptr double, ptr %px, i64 %middle
  %xm = load double, ptr %pm
  %right = fcmp ole double %xm, %x
  %low.next = select i1 %right, i64 %middle, i64 %low
  %high.next = select i1 %right, i64 %high, i64 %middle
  br label %search
found:
  %p0 = getelementptr double, ptr %px, i64 %low
  %x0 = load double, ptr %p0
  %p1 = getelementptr double, ptr %py, i64 %low
  %y0 = load double, ptr %p1
  %p2 = getelementptr double, ptr %ps, i64 %low
  %slope = load double, ptr %p2
  %dx = fsub double %x, %x0
  %rise = fmul double %slope, %dx
  %y = fadd double %rise, %y0
  ret double %y
}
"""


def _lane_lookup() -> str:
    vector = f"<{LANES} x double>"
    lines = [
        f"define internal {vector} @lookup_lanes(ptr noalias readonly %tab, ptr noalias readonly %info, "
        f"i64 %start, i64 %n, {vector} %x) noinline {{"
    ]
    result = "poison"
    for k in range(LANES):
        lines += [
            f"  %p{k} = getelementptr i64, ptr %info, i64 {k}",
            f"  %b{k} = load i64, ptr %p{k}",
            f"  %s{k} = add i64 %b{k}, %start",
            f"  %x{k} = extractelement {vector} %x, i64 {k}",
            f"  %y{k} = call double @lookup(ptr %tab, i64 %s{k}, i64 %n, double %x{k})",
            f"  %r{k} = insertelement {vector} {result}, double %y{k}, i64 {k}",
        ]
        result = f"%r{k}"
    return "\n".join([*lines, f"  ret {vector} {result}", "}"])


LANE_LOOKUP = _lane_lookup()
