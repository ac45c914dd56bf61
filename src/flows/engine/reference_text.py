"""The text that PySD is given: equations alone, with nothing in them that could become Python of its own.

PySD writes a Python module from a model and imports it. Texts of the model stand in it between quotation marks,
comments with their own as they are. So comments, units and sketches are left out, and a name or a file's
name with a quotation mark, a backslash, a brace or a control character is refused.

References
----------
PySD 3.14.3, ``builders/python/python_model_builder.py``, ``ElementBuilder._build_element_out``.
"""

from __future__ import annotations

import re
from typing import Any

from flows.errors import UnsupportedError

__all__ = ["equations_alone", "xmile_equations_alone"]

_SKETCH = re.compile(r"^\\\\\\---///.*", re.DOTALL | re.MULTILINE)
_CONTINUED = re.compile(r"\\[ \t]*(?:\r\n|\r|\n)")
_QUOTED = r'"[^"\\\x00-\x1f]*"'
_QUOTED_OR_REMARK = re.compile(rf"({_QUOTED})|\{{[^{{}}]*\}}")
_QUOTED_OR_END = re.compile(rf"({_QUOTED})|[|~]")
_SAFE_NAME = re.compile(r""""[^"'\\`{}\x00-\x1f\x7f-\x9f]*\"""")
_SAFE_FILE = re.compile(r"""(?<=[(,])(\s*)'[^"'\\`{}\x00-\x1f\x7f-\x9f]*'(?=\s*[,)])""")
_UNSAFE = re.compile(r"""["'\\`{}\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]""")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DROPPED = ("doc", "units", "model_units", "views", "style", "header")
_MOST_NESTED = 4


def equations_alone(text: str, where: str) -> str:
    """Leave the equations of a Vensim file.

    Parameters
    ----------
    text : str
        The file.
    where : str
        Its name, for messages.

    Returns
    -------
    str
        The same equations without comments, units, groups and sketch.

    Raises
    ------
    UnsupportedError
        If a name or a file's name holds a quotation mark, a backslash, a brace or a control character.
    """
    text = _CONTINUED.sub(" ", _SKETCH.sub("", text.removeprefix("\ufeff")))
    for _ in range(_MOST_NESTED):
        text = _QUOTED_OR_REMARK.sub(lambda match: match[1] or " ", text)
    heads: list[str] = []
    head, keeping, at = "", True, 0
    for match in _QUOTED_OR_END.finditer(text):
        if match[1]:
            continue
        head += text[at : match.start()] if keeping else ""
        at, keeping = match.end(), match[0] == "|"
        if keeping:
            heads.append(head)
            head = ""
    equations = [one.strip() for one in heads if one.strip() and not one.lstrip().startswith("*")]
    for equation in equations:
        _refuse_unsafe(_SAFE_FILE.sub(r"\1", _SAFE_NAME.sub("", equation)), equation, where)
    return "{UTF-8}\n" + "\n~~|\n".join([*equations, ""])


def xmile_equations_alone(text: str, where: str) -> str:
    """Leave the equations of an XMILE file.

    Parameters
    ----------
    text : str
        The file.
    where : str
        Its name, for messages.

    Returns
    -------
    str
        The same without documentation, units and views.

    Raises
    ------
    UnsupportedError
        As `equations_alone`, and for XML that can't be read.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root: Any = etree.fromstring(_DECLARATION.sub("", text, count=1).encode(), parser)
    if root is None or root.getroottree().docinfo.doctype:
        raise UnsupportedError("PySD can't run this file: it is no plain XML", where=where)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    for node in list(root.iter("*")):
        if etree.QName(node).localname in _DROPPED and node.getparent() is not None:
            tail = node.tail
            node.clear()
            node.getparent().remove(node)
            _refuse_unsafe(tail or "", tail or "", where)
    for node in root.iter("*"):
        for key, value in node.attrib.items():
            node.attrib[key] = value.replace("\\n", " ").replace("\\r", " ")
        if node.text:
            node.text = node.text.replace("\\n", " ").replace("\\r", " ")
        for said in (*node.attrib.values(), node.text or "", node.tail or ""):
            _refuse_unsafe(_SAFE_NAME.sub("", said), said, where)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + str(etree.tostring(root, encoding="unicode"))


def _refuse_unsafe(rest: str, said: str, where: str) -> None:
    found = _UNSAFE.search(rest)
    if found is not None:
        raise UnsupportedError(
            "PySD can't run this model: it would put a name with such a sign into a program",
            where=where,
            found=f'"{" ".join(said.split())[:60]}" with {found[0]!r}',
            remedy="Name it without quotation marks, backslashes and braces",
        )
