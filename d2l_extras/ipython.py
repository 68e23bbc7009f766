"""Detect the IPython session that runs this code, if any, and display in it."""

from __future__ import annotations

from typing import Any


def shell() -> Any | None:
    """Return the IPython shell that runs this code, or None outside one."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def is_batch() -> bool:
    """Return whether a program, not a person, executes the notebook.

    Such a program runs each cell once, in order, and does not allow requests
    for input.
    """
    kernel = getattr(shell(), "kernel", None)
    if not hasattr(kernel, "get_parent"):
        return False
    request = kernel.get_parent().get("content", {})
    return not request.get("allow_stdin", True)


def display(bundle: dict[str, Any], **options: Any) -> None:
    """Show one output, given in several MIME types, or print its plain text.

    `options` are those of `IPython.display.display`. Outside a notebook, a
    bundle without the type text/plain shows nothing.
    """
    if shell() is not None:
        from IPython.display import display as show

        show(bundle, raw=True, **options)
    elif "text/plain" in bundle:
        print(bundle["text/plain"])
