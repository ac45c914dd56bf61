"""The right side of an equation in a file's text: where its parts stand, and how new numbers are laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.references import fold
from flows.vensim.grammar import Reader, Source, Token, without_comments
from flows.vensim.parse import part_end
from flows.vensim.tree import Definition

__all__ = ["Side", "Splice", "laid_out"]


@dataclass(frozen=True)
class Splice:
    """New text in the place of a stretch of the old."""

    start: int
    end: int
    text: str


class Side:
    """The right side of an equation in the text: where it and its parts begin and end."""

    def __init__(self, source: Source, definition: Definition) -> None:
        end = part_end(source, source.text, definition.start)
        self.blanked = without_comments(source.text[definition.start : end])
        self.offset = definition.start
        reader = Reader(source, self.blanked, definition.start)
        self.tokens: list[Token] = []
        while reader.token.kind != "end":
            self.tokens.append(reader.take())
        first, depth = len(self.tokens), 0
        for number, token in enumerate(self.tokens):
            symbol = token.text if token.kind == "symbol" else ""
            depth += (symbol == "[") - (symbol == "]")
            if depth == 0 and (
                symbol in ("=", "==", ":=") or (token.kind == "keyword" and token.text == "IS")
            ):
                first = number + 1
                break
            if depth == 0 and symbol == "(":
                first = number
                break
        ignored = next(
            (n for n, t in enumerate(self.tokens) if t.kind == "keyword" and t.text == "IGNORE"),
            len(self.tokens),
        )
        stop = self.tokens[ignored].at if ignored < len(self.tokens) else end
        self.tokens = self.tokens[first:ignored]
        self.end = self._trimmed(stop)
        self.start = self.tokens[0].at if self.tokens else self.end

    def _trimmed(self, at: int) -> int:
        """Offset behind the last word before an offset."""
        return self.offset + len(self.blanked[: at - self.offset].rstrip())

    def _is(self, number: int, *symbols: str) -> bool:
        return self.tokens[number].kind == "symbol" and self.tokens[number].text in symbols

    def _close(self, opening: int) -> int:
        """Number of the token that closes a parenthesis or bracket."""
        depth = 0
        for number in range(opening, len(self.tokens)):
            depth += self._is(number, "(", "[") - self._is(number, ")", "]")
            if depth == 0:
                return number
        raise AssertionError("a parenthesis without its end was read")

    def _arguments(self, function: str) -> list[tuple[int, int]]:
        """First token of each argument of the first call of a function, and the token behind it."""
        name = next(n for n, t in enumerate(self.tokens) if t.kind == "name" and fold(t.text) == function)
        opening, close = name + 1, self._close(name + 1)
        found, number, first = [], opening + 1, opening + 1
        while number < close:
            if self._is(number, "(", "["):
                number = self._close(number)
            elif self._is(number, ","):
                found.append((first, number))
                first = number + 1
            number += 1
        return [*found, (first, close)]

    def argument(self, function: str, number: int) -> tuple[int, int]:
        """Offsets of an argument of a call."""
        first, behind = self._arguments(function)[number]
        return self.tokens[first].at, self._trimmed(self.tokens[behind].at)

    def numbers(self, first: int = 0, behind: int | None = None) -> list[tuple[int, int]]:
        """Offsets of each number with its sign, between two tokens."""
        found, sign = [], -1
        for token in self.tokens[first:behind]:
            if token.kind == "number" or (token.kind == "keyword" and token.text == "NA"):
                length = len(token.text)
                if token.kind == "keyword":
                    at = token.at - self.offset
                    length = self.blanked.index(":", at + 1) - at + 1
                found.append((sign if sign >= 0 else token.at, token.at + length))
            signed = token.kind == "symbol" and token.text in "+-"
            sign = sign if signed and sign >= 0 else token.at if signed else -1
        return found

    def points(self) -> tuple[list[tuple[int, int]], bool, tuple[int, int]]:
        """Offsets of all numbers of a lookup, whether they stand in pairs, and where the list stands."""
        if self._is(0, "("):
            opening, close = 0, self._close(0)
        else:
            opening = self._arguments("with lookup")[1][0]
            close = self._close(opening)
        first = opening + 1
        if self._is(first, "["):
            first = self._close(first) + 1
            first += self._is(first, ",")
        span = (self.tokens[first].at, self._trimmed(self.tokens[close].at))
        return self.numbers(first, close), self._is(first, "("), span


def laid_out(
    text: str, spans: Sequence[tuple[int, int]], rows: Sequence[int], new: Sequence[str | None]
) -> list[Splice]:
    """Write numbers in the place of others; columns of a table keep their right edge, or get wider together."""
    pads = [start - len(text[:start].rstrip(" ")) for start, _ in spans]
    widths = [end - start + pad for (start, end), pad in zip(spans, pads, strict=True)]
    texts = [text[start:end] if t is None else t for (start, end), t in zip(spans, new, strict=True)]
    columns = [list(range(c, len(spans), rows[0])) for c in range(rows[0])] if len(set(rows)) == 1 else []
    wide = list(widths)
    aligned: set[int] = set()
    if len(rows) > 1:
        for number, column in enumerate(columns):
            if len({widths[i] for i in column}) == 1 and max(pads[i] for i in column) > 0:
                gap = min(int(number > 0), *(pads[i] for i in column))
                need = max(len(texts[i]) + gap for i in column)
                for i in column:
                    wide[i] = max(widths[i], need)
                aligned.update(column)
    splices = []
    for i, ((start, end), pad) in enumerate(zip(spans, pads, strict=True)):
        if new[i] is None and wide[i] == widths[i]:
            continue
        loose = max(widths[i] - len(texts[i]), 1) if pad > 1 else pad
        blanks = wide[i] - len(texts[i]) if i in aligned else loose
        splices.append(Splice(start - pad, end, " " * blanks + texts[i]))
    return splices
