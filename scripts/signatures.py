"""How a function is called, and what its types are called, in words for a page."""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import griffe

Link: TypeAlias = Callable[[str], str | None]
"""Gives the place where a name is told of, if there is one."""

_WIDTH: Final = 88
_EMPTY: Final = {"dict": "{}", "list": "[]", "tuple": "()"}
_KINDS: Final = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}


def call(name: str, function: griffe.Function, *, returns: bool = True) -> str:
    """Return how a function is called, over several lines where it takes many words."""
    general = function.overloads[-1] if function.overloads else function
    taken = list(_taken(general))
    gives = f" -> {_given(general)}" if returns and general.returns is not None else ""
    if "async" in function.labels and "yield" not in " ".join(function.lines):
        name = f"await {name}"
    line = f"{name}({', '.join(taken)}){gives}"
    if len(line) <= _WIDTH:
        return line
    within = "".join(f"    {one},\n" for one in taken)
    return f"{name}(\n{within}){gives}"


def _given(function: griffe.Function) -> str:
    with_ = any(str(one.value) == "contextmanager" for one in function.decorators)
    returns = str(function.returns)
    return returns.replace("Iterator", "AbstractContextManager", 1) if with_ else returns


def _taken(function: griffe.Function) -> Iterator[str]:
    starred = False
    for one in function.parameters:
        if one.name in ("self", "cls"):
            continue
        if one.kind is griffe.ParameterKind.var_positional:
            starred = True
        if one.kind is griffe.ParameterKind.keyword_only and not starred:
            starred = True
            yield "*"
        kind = f": {one.annotation}" if one.annotation is not None else ""
        optional = one.default is not None and one.kind not in _KINDS
        given = f" = {_known(one.default, function.module)}" if optional else ""
        yield f"{_KINDS.get(one.kind, '')}{one.name}{kind}{given}"


def _known(value: griffe.Expr | str | None, module: griffe.Module) -> str:
    """Return a default, in place of a name that only the source knows what that is."""
    named = module.members.get(str(value)) if str(value).startswith("_") else None
    found = str(named.value) if isinstance(named, griffe.Attribute) else str(value)
    return found.removeprefix("MappingProxyType(").removesuffix(")") if named else found


def default(field: griffe.Attribute) -> str:
    """Return the default of an attrs class's field as a table shows it."""
    if "property" in field.labels or "ClassVar" in str(field.annotation):
        return ""
    if field.value is None:
        return "required"
    if isinstance(field.value, griffe.ExprCall) and str(field.value.function) == "field":
        given = {
            one.name: str(one.value)
            for one in field.value.arguments
            if isinstance(one, griffe.ExprKeyword)
        }
        if given.get("init") == "False":
            return ""
        if "factory" in given:
            return _shown(_EMPTY.get(given["factory"], f"{given['factory']}()"))
        return _shown(given["default"]) if "default" in given else "required"
    return _shown(str(field.value))


def _shown(value: str) -> str:
    """Return a value as code; nothing where it is a name that only the source knows."""
    return "" if value.isupper() or value.startswith(("_", "MappingProxyType(")) else f"`{value}`"


def in_words(kind: griffe.Expr | str | None, link: Link) -> str:
    """Return a type, its names led to what is told of them."""
    if kind is None:
        return ""
    if isinstance(kind, griffe.ExprBinOp) and kind.operator == "|":
        return f"{in_words(kind.left, link)} or {in_words(kind.right, link)}"
    pieces = [kind] if isinstance(kind, str) else list(kind.iterate(flat=True))
    words, code = "", ""
    for piece in pieces:
        name = piece.name if isinstance(piece, griffe.ExprName) else str(piece)
        if isinstance(piece, griffe.ExprName) and (to := link(piece.canonical_path)):
            words += f"{_code(code)}[`{name}`]({to})"
            code = ""
        else:
            code += name
    return words + _code(code)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""
