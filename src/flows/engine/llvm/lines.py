"""Instructions of a function in LLVM's assembly language, line by line: fresh names, labels, counted loops."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Loop:
    """A counted loop that is open: its counter and its labels."""

    counter: str
    next_counter: str
    limit: str
    head: str
    after: str
    back_edge_at: int


class Lines:
    """Instructions of one function, with fresh names and the label of the block being written."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.count = 0
        self.labels = 0
        self.block = "b0"

    def add(self, text: str) -> None:
        """An instruction without a result."""
        self.texts.append("  " + text)

    def op(self, text: str) -> str:
        """An instruction; returns the name of its result."""
        name = f"%x{self.count}"
        self.count += 1
        self.texts.append(f"  {name} = {text}")
        return name

    def label(self) -> str:
        """A fresh label."""
        self.labels += 1
        return f"b{self.labels}"

    def begin(self, label: str) -> None:
        """Begin a block."""
        self.texts.append(f"{label}:")
        self.block = label

    def splat(self, scalar: str, lanes: int = 8) -> str:
        """A double in all lanes."""
        vector = f"<{lanes} x double>"
        one = self.op(f"insertelement {vector} poison, double {scalar}, i64 0")
        return self.op(f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer")

    def open_loop(self, limit: str, *, may_be_empty: bool = False) -> Loop:
        """Count from 0 to below a limit."""
        head, after = self.label(), self.label()
        if may_be_empty:
            any_left = self.op(f"icmp ne i64 {limit}, 0")
            self.add(f"br i1 {any_left}, label %{head}, label %{after}")
        else:
            self.add(f"br label %{head}")
        entered_from = self.block
        self.begin(head)
        counter, following = f"%x{self.count}", f"%x{self.count + 1}"
        self.count += 2
        self.texts.append("")  # the counter's phi, written when the loop is closed
        loop = Loop(counter, following, limit, head, after, len(self.texts) - 1)
        self.texts[-1] = entered_from
        return loop

    def close_loop(self, loop: Loop) -> None:
        """End a loop's body and go on behind it."""
        self.texts.append(f"  {loop.next_counter} = add nuw nsw i64 {loop.counter}, 1")
        entered_from = self.texts[loop.back_edge_at]
        self.texts[loop.back_edge_at] = (
            f"  {loop.counter} = phi i64 [0, %{entered_from}], [{loop.next_counter}, %{self.block}]"
        )
        more = self.op(f"icmp ult i64 {loop.next_counter}, {loop.limit}")
        self.add(f"br i1 {more}, label %{loop.head}, label %{loop.after}")
        self.begin(loop.after)


def literal(value: float) -> str:
    """A double as LLVM writes it."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"
