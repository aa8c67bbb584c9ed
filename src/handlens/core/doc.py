"""doc(x): what something does, how to call it, and where its source is."""

from __future__ import annotations

import inspect
from typing import Any


def doc(x: Any) -> None:
    """Print the signature and the documentation of a function, class or module, and where its source is.

    Args:
        x: a function, class or module; of any other object its class is described.

    Example:
        >>> doc(len)
        builtins.len(obj, /)
        ...
    """
    subject = x if inspect.isroutine(x) or inspect.isclass(x) or inspect.ismodule(x) else type(x)
    print(_heading(subject))
    text = inspect.getdoc(subject)
    print(f"\n{text}" if text else "\nThere is no documentation; the source says what it does.")
    if inspect.isclass(subject):
        _print_methods(subject)
    print(f"\nRead on: {_place(subject)}")


def _heading(subject: Any) -> str:
    if inspect.ismodule(subject):
        return f"module {subject.__name__}"
    # A built-in method has no module of its own, but its class does.
    module = getattr(subject, "__module__", None) or getattr(getattr(subject, "__objclass__", None), "__module__", None)
    name = f"{module}.{subject.__qualname__}" if module else subject.__qualname__
    try:
        parameters = inspect.signature(subject).parameters.values()
    except (TypeError, ValueError):  # some built-in functions have no signature
        return f"{name}(…)"
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return f"{name}{inspect.Signature(shown)}"


def _print_methods(subject: type) -> None:
    methods = {
        name: (inspect.getdoc(value) or "").split("\n")[0]
        for name, value in vars(subject).items()
        if not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, property))
    }
    if methods:
        width = max(map(len, methods))
        print("\nMethods and attributes:")
        for name, line in methods.items():
            print(f"    {name.ljust(width)}  {line}".rstrip())


def _place(subject: Any) -> str:
    try:
        file = inspect.getsourcefile(subject)
        line = 1 if inspect.ismodule(subject) else inspect.getsourcelines(subject)[1]
    except (OSError, TypeError):
        return f"help({getattr(subject, '__qualname__', subject)})"
    return f"{file}, line {line}"
