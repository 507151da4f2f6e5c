"""The double-precision sequences of division, reciprocal and square root: their form as expressions.

A double is ("pair", low word, high word) of words that were made apart, or the DFMA, DMUL or DADD that made it.
The result of DDIV, DRCP and DSQRT is that of IEEE 754 for all operands, and so is that of the subroutines; hence a
sequence only has to start from the operands that the test in front of the subroutine names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..ir import Const, Imm, Reg, UReg

Expr = tuple
OPS = frozenset(("DADD", "DMUL", "DFMA"))
NAMES = {"DDIV": "div_rn_f64", "DRCP": "dblrcp_rn", "DSQRT": "dsqrt_rn_f64"}
SIGN = 0x80000000
ZERO = ("imm", 0)


def number(high: int) -> Expr:
    return ("pair", ZERO, ("imm", high))


ONE, HALF, THREE_EIGHTHS = number(0x3FF00000), number(0x3FE00000), number(0x3FD80000)


def pair(low: Expr, high: Expr) -> Expr:
    if low[0] == "lo" and high[0] == "hi" and low[1] == high[1]:
        return low[1]
    return ("pair", low, high)


def high(e: Expr) -> Expr:
    return e[2] if e[0] == "pair" else ("hi", e)


def low(e: Expr) -> Expr:
    return e[1] if e[0] == "pair" else ("lo", e)


def negated(e: Expr) -> Expr:
    if e[0] == "neg":
        return e[1]
    if e[0] == "pair" and e[2][0] == "imm":
        return ("pair", e[1], ("imm", e[2][1] ^ SIGN))
    return ("neg", e)


def unsigned(e: Expr) -> tuple[bool, Expr]:
    """Whether a factor is written with a minus sign, and the factor without it."""
    minus = e[0] == "neg" or (e[0] == "pair" and e[2][0] == "imm" and bool(e[2][1] & SIGN))
    return minus, negated(e) if minus else e


def _product(x: Expr, y: Expr) -> tuple[bool, frozenset]:
    (m, x), (n, y) = unsigned(x), unsigned(y)
    return m != n, frozenset((x, y))


class Forms:
    """Doubles as numbers: equal operations on equal operands have one, so that long chains stay cheap to compare."""

    def __init__(self) -> None:
        self.numbers: dict[Expr, Expr] = {}
        self.terms: list[Expr] = []  # by number

    def value(self, op: str, args: list[Expr]) -> Expr:
        """The number of a DADD, DMUL or DFMA."""
        if op == "DFMA":
            e: Expr = (op, *_product(args[0], args[1]), args[2])
        else:
            e = (op, *_product(*args)) if op == "DMUL" else (op, frozenset(args))
        if e not in self.numbers:
            self.numbers[e] = ("double", len(self.terms))
            self.terms.append(e)
        return self.numbers[e]

    def refined_factors(self, e: Expr) -> frozenset:
        """The factors of the product that e, a DFMA, adds to."""
        term = self.terms[e[1]] if e[0] == "double" else ZERO
        product = term[3] if term[0] == "DFMA" else ZERO
        last = self.terms[product[1]] if product[0] == "double" else ZERO
        return last[2] if last[0] == "DMUL" else frozenset()

    def _fma(self, x: Expr, y: Expr, z: Expr) -> Expr:
        return self.value("DFMA", [x, y, z])

    def _mul(self, x: Expr, y: Expr) -> Expr:
        return self.value("DMUL", [x, y])

    def _reciprocal(self, b: Expr, first: Expr) -> Expr:
        """Two steps from an estimate whose low word is first."""
        r0 = ("pair", first, ("rcp64h", high(b)))
        e = self._fma(negated(b), r0, ONE)
        r1 = self._fma(r0, self._fma(e, e, e), r0)
        return self._fma(r1, self._fma(negated(b), r1, ONE), r1)

    def inverse_of_divisor(self, b: Expr) -> Expr:
        return self._reciprocal(b, ("imm", 1))

    def quotient(self, a: Expr, b: Expr, r: Expr) -> Expr:
        q = self._mul(a, r)
        return self._fma(r, self._fma(negated(b), q, a), q)

    def inverse(self, x: Expr) -> Expr:
        return self._reciprocal(x, ("add", high(x), 0x300402))

    def root(self, x: Expr, three_eighths: Expr) -> Expr:
        r = ("pair", ("add", high(x), -0x3500000 & 0xFFFFFFFF), ("rsq64h", high(x)))
        e = self._fma(x, negated(self._mul(r, r)), ONE)
        y = self._fma(self._fma(e, three_eighths, HALF), self._mul(r, e), r)
        g = self._mul(x, y)
        half = ("pair", low(y), ("add", high(y), -0x100000 & 0xFFFFFFFF))
        return self._fma(self._fma(g, negated(g), x), half, g)


def _absolute(e: Expr) -> Expr:
    return ("mod", e, False, True, False, "")


def wanted(
    kind: str, forms: Forms, tests: list[tuple[Expr, bool]], doubles: set[Expr]
) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """(result of the sequence, its operands) for all operands that the tests in front of the subroutine allow.

    tests: predicates, with False where they hold on the way to the sequence."""
    # Constants, and the reciprocal of a divisor that a loop does not change, may come from an earlier block.
    earlier = [r for r in doubles if r[0] == "pair" and r[1][0] == r[2][0] == "in"]
    if kind == "DSQRT":
        (test, slow_if), *others = tests
        for x in doubles if not others and slow_if else ():
            if test == ("not below", ("add", high(x), -0x3500000 & 0xFFFFFFFF), 0x7CA00000):
                yield from ((forms.root(x, c), (x,)) for c in (THREE_EIGHTHS, *earlier))
        return
    hold = {test for test, slow_if in tests if not slow_if}
    if len(hold) != len(tests):
        return
    for b in doubles:
        if kind == "DRCP":
            if hold == {("fsetp", "GEU", _absolute(("add", high(b), 0x300402)), 0x00400402)}:
                yield forms.inverse(b), (b,)
            continue
        # The divisor is finite and the quotient is normal.
        normal = next((t for t in hold if t[:2] == ("fsetp", "GT") and t[3] == 0x00100000), None)
        scaled = normal[2][1] if normal and normal[2] == _absolute(normal[2][1]) else ZERO
        if scaled[0] != "fma" or scaled[2] != frozenset((ZERO, high(b))):
            continue
        for a in forms.refined_factors(scaled[3][1]) if scaled[3][0] == "hi" else ():
            # A dividend that is a constant is not tested.
            constant = a[0] == "pair" and a[2][0] == "imm"
            # Its high word may be named by a copy of another block.
            rest = hold - {normal}
            large = [t for t in rest if t[:2] == ("fsetp", "GEU") and t[3] == 0x03600000]
            if len(large) != len(rest) or len(rest) != (not constant):
                continue
            for signed in (a, negated(a)):
                for r in (forms.inverse_of_divisor(b), *earlier):
                    result = forms.quotient(signed, b, r)
                    if scaled[3] == ("hi", result):
                        yield result, (signed, b)


def holder(e: Expr, regs: Mapping[int, Expr], uregs: Mapping[int, Expr]) -> Reg | UReg | Const | Imm | None:
    """An operand that reads as e."""
    minus, e = unsigned(e)
    if e[0] == "pair" and e[1] == ZERO and e[2][0] == "imm":
        return Imm(e[2][1] | (SIGN if minus else 0), "f64")
    if e[0] == "pair" and e[1][0] == e[2][0] == "const" and e[2] == ("const", e[1][1], e[1][2] + 4):
        return Const(e[1][1], e[1][2], neg=minus)
    absolute = e == _absolute(e[1])
    e = e[1] if absolute else e
    words = (low(e), high(e))
    for kind, bank in ((Reg, regs), (UReg, uregs)):
        for n in bank:
            if n % 2 == 0 and (bank[n], bank.get(n + 1)) == words:
                return kind(n, neg=minus, abs=absolute)
    return None
