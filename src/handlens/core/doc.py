"""doc(x): what something does, how to call it, where its source is, and its page of the documentation."""

from __future__ import annotations

import importlib.metadata
import inspect
import sys
from pathlib import Path
from typing import Any


def doc(x: Any) -> None:
    """Print the signature and the documentation of a function, class or module, where its source is, and its page.

    The page is that of the documentation on the web, or of `build/site` in a checkout, where `make docs` builds it.
    Only public names have one.

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
    print(f"\nSource: {_place(subject)}")
    page = site_page(subject)
    if page:
        print(f"Read on: {_site()}/{page}")


def defined_as(x: Any) -> str:
    """Name a function, class or module by where it is defined; its page is called so."""
    return x.__name__ if inspect.ismodule(x) else f"{x.__module__}.{x.__qualname__}"


def site_page(x: Any) -> str | None:
    """Find the page of the site that describes a function, class, method or module.

    Args:
        x: what the page is about.

    Returns:
        Its place below the site's first page; None for what is not public: not in the `__all__` of a module of
        handlens that is loaded.

    Example:
        >>> from handlens.tabular import FloatList
        >>> site_page(FloatList)
        'api/handlens.core.labels.floats.FloatList.html'
        >>> site_page(len) is None
        True
    """
    if inspect.ismodule(x):
        return f"api/{x.__name__}.html" if x.__name__.startswith("handlens") and hasattr(x, "__all__") else None
    if not (getattr(x, "__module__", None) or "").startswith("handlens."):
        return None
    owner, _, member = x.__qualname__.partition(".")
    described = getattr(sys.modules[x.__module__], owner, None) if member else x  # a method: on the page of its class
    anchor = f"#{defined_as(x)}" if member else ""
    return f"api/{defined_as(described)}.html{anchor}" if _is_public(described) else None


def _is_public(x: Any) -> bool:
    loaded = [module for name, module in sys.modules.items() if name.split(".")[0] == "handlens"]
    return any(getattr(module, name, None) is x for module in loaded for name in getattr(module, "__all__", ()))


def _site() -> str:
    """The address of the documentation; before the first release there is only the one that `make docs` builds."""
    urls = importlib.metadata.metadata("handlens").get_all("Project-URL") or []
    addresses = dict(url.split(", ", 1) for url in urls)
    built = Path(__file__).parents[3] / "build" / "site"
    return addresses.get("Documentation", "").rstrip("/") or (built.as_uri() if built.is_dir() else "build/site")


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
