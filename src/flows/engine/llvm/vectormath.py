"""exp, ln and powers in LLVM's assembly language, for all lanes at once: no branches, no library calls.

Each function agrees with the C library to about 1e-15 relative (powers: times the size of ``y ln x``); tests measure
it. Range reduction and the series of the logarithm are those of fdlibm (Sun Microsystems 1993, e_exp.c and e_log.c);
the exponential is its Taylor series on |r| <= ln(2) / 2, where the fourteenth term is below half an ulp. Polynomials
are summed in halves, not by Horner's rule: lanes are few, and a chain of additions would leave the processor waiting.
"""

from __future__ import annotations

import math

from flows.engine.llvm.lines import Lines, literal

_SHIFT = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number held in the low bits
_SHIFT_BITS = 0x4338000000000000
_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # trailing zeros: k * _LN2_HIGH is exact
_LN2_LOW = 1.90821492927058770002e-10
_LOG_SERIES = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


class _Math(Lines):
    """Arithmetic on one type, scalar or vector."""

    def __init__(self, lanes: int) -> None:
        super().__init__()
        self.lanes = lanes
        self.f = f"<{lanes} x double>" if lanes > 1 else "double"
        self.i = f"<{lanes} x i64>" if lanes > 1 else "i64"
        self.b = f"<{lanes} x i1>" if lanes > 1 else "i1"

    def _all(self, kind: str, text: str) -> str:
        return f"splat ({kind} {text})" if self.lanes > 1 else text

    def c(self, value: float) -> str:
        """A constant."""
        return self._all("double", literal(value))

    def whole(self, value: int) -> str:
        """A whole constant."""
        return self._all("i64", str(value))

    def add_(self, a: str, b: str) -> str:
        return self.op(f"fadd {self.f} {a}, {b}")

    def sub(self, a: str, b: str) -> str:
        return self.op(f"fsub {self.f} {a}, {b}")

    def mul(self, a: str, b: str) -> str:
        return self.op(f"fmul {self.f} {a}, {b}")

    def div(self, a: str, b: str) -> str:
        return self.op(f"fdiv {self.f} {a}, {b}")

    def test(self, how: str, a: str, b: str) -> str:
        return self.op(f"fcmp {how} {self.f} {a}, {b}")

    def pick(self, condition: str, yes: str, no: str) -> str:
        return self.op(f"select {self.b} {condition}, {self.f} {yes}, {self.f} {no}")

    def integer(self, how: str, a: str, b: str) -> str:
        return self.op(f"{how} {self.i} {a}, {b}")

    def pick_integer(self, condition: str, yes: str, no: str) -> str:
        return self.op(f"select {self.b} {condition}, {self.i} {yes}, {self.i} {no}")

    def bits(self, a: str) -> str:
        return self.op(f"bitcast {self.f} {a} to {self.i}")

    def double(self, a: str) -> str:
        return self.op(f"bitcast {self.i} {a} to {self.f}")

    def line(self, a: float, b: float, x: str) -> str:
        """A + b x."""
        return self.add_(self.c(a), self.mul(x, self.c(b)))

    # -- the functions

    def exp(self, x: str) -> str:
        """E to the power x; 0 below -708, infinity above 709.78."""
        c = self.c
        clamped = self.pick(self.test("olt", x, c(709.7)), x, c(709.7))
        clamped = self.pick(self.test("ogt", clamped, c(-708.0)), clamped, c(-708.0))
        shifted = self.add_(self.mul(clamped, c(_LOG2E)), c(_SHIFT))
        k = self.sub(shifted, c(_SHIFT))
        r = self.sub(self.sub(clamped, self.mul(k, c(_LN2_HIGH))), self.mul(k, c(_LN2_LOW)))
        r2 = self.mul(r, r)
        r4 = self.mul(r2, r2)
        term = [1.0 / math.factorial(n) for n in range(14)]
        low, middle, high = (
            self.add_(
                self.line(term[n], term[n + 1], r), self.mul(r2, self.line(term[n + 2], term[n + 3], r))
            )
            for n in (2, 6, 10)
        )
        p = self.add_(low, self.mul(r4, self.add_(middle, self.mul(r4, high))))
        value = self.add_(c(1.0), self.add_(r, self.mul(r2, p)))
        exponent = self.integer("sub", self.bits(shifted), self.whole(_SHIFT_BITS - 1023))
        value = self.mul(value, self.double(self.integer("shl", exponent, self.whole(52))))
        value = self.pick(self.test("oge", x, c(-708.0)), value, c(0.0))
        value = self.pick(self.test("ole", x, c(709.78)), value, c(math.inf))
        return self.pick(self.test("oeq", x, x), value, x)

    def log(self, x: str) -> str:
        """Natural logarithm; minus infinity at 0, no number below."""
        c = self.c
        tiny = self.test("olt", x, c(2.2250738585072014e-308))
        bits = self.bits(self.pick(tiny, self.mul(x, c(2.0**54)), x))
        exponent = self.integer("sub", self.integer("ashr", bits, self.whole(52)), self.whole(1023))
        mantissa = self.integer("and", bits, self.whole(0x000FFFFFFFFFFFFF))
        m = self.double(self.integer("or", mantissa, self.whole(0x3FF0000000000000)))
        large = self.test("ogt", m, c(math.sqrt(2.0)))
        m = self.pick(large, self.mul(c(0.5), m), m)
        exponent = self.pick_integer(large, self.integer("add", exponent, self.whole(1)), exponent)
        exponent = self.pick_integer(tiny, self.integer("sub", exponent, self.whole(54)), exponent)
        k = self.sub(self.double(self.integer("add", exponent, self.whole(_SHIFT_BITS))), c(_SHIFT))
        f = self.sub(m, c(1.0))
        s = self.div(f, self.add_(c(2.0), f))
        z = self.mul(s, s)
        z2 = self.mul(z, z)
        z4 = self.mul(z2, z2)
        a = _LOG_SERIES
        odd = self.add_(self.line(a[0], a[2], z2), self.mul(z4, self.line(a[4], a[6], z2)))
        even = self.add_(self.line(a[1], a[3], z2), self.mul(z4, c(a[5])))
        r = self.mul(z, self.add_(odd, self.mul(z, even)))
        half = self.mul(self.mul(c(0.5), f), f)
        part = self.add_(self.mul(s, self.add_(half, r)), self.mul(k, c(_LN2_LOW)))
        value = self.sub(self.mul(k, c(_LN2_HIGH)), self.sub(self.sub(half, part), f))
        value = self.pick(self.test("ogt", x, c(0.0)), value, c(-math.inf))
        value = self.pick(self.test("oge", x, c(0.0)), value, c(math.nan))
        return self.pick(self.test("olt", x, c(math.inf)), value, x)

    def power(self, x: str, y: str) -> str:
        """X to the power y: for a negative x a number only if y is whole; anything to the power 0 is 1."""
        c = self.c
        below = self.test("olt", x, c(0.0))
        size = self.pick(below, self.op(f"fneg {self.f} {x}"), x)
        value = self.exp(self.mul(y, self.log(size)))
        one = self.op(f"or {self.b} {self.test('oeq', y, c(0.0))}, {self.test('oeq', x, c(1.0))}")
        value = self.pick(one, c(1.0), value)
        whole = self.sub(self.add_(y, c(_SHIFT)), c(_SHIFT))  # for |y| < 2**51
        half = self.mul(c(0.5), whole)
        odd = self.test("one", self.sub(self.add_(half, c(_SHIFT)), c(_SHIFT)), half)
        negative = self.pick(odd, self.op(f"fneg {self.f} {value}"), value)
        negative = self.pick(self.test("oeq", whole, y), negative, c(math.nan))
        return self.pick(below, negative, value)


def emit_functions(lanes: int) -> str:
    """Definitions of ``exp``, ``log`` and ``power`` with the suffix ``_v`` (all lanes) and ``_s`` (one)."""
    texts = []
    for suffix, n in (("v", lanes), ("s", 1)):
        for name in ("exp", "log", "power"):
            body = _Math(n)
            arguments = ("%x", "%y")[: 2 if name == "power" else 1]
            result = getattr(body, name)(*arguments)
            parameters = ", ".join(f"{body.f} {a}" for a in arguments)
            texts.append(
                f"define internal {body.f} @{name}_{suffix}({parameters}) noinline {{\n"
                + "\n".join(body.texts)
                + f"\n  ret {body.f} {result}\n}}"
            )
    return "\n".join(texts)
