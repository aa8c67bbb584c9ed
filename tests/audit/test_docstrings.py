"""Each public class and function of the audit has an example in its docstring (tests/test_doctests.py runs them)."""

import inspect

import pytest

import handlens.audit

PUBLIC = [name for name in handlens.audit.__all__ if callable(getattr(handlens.audit, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_an_example(name):
    thing = getattr(handlens.audit, name)
    assert ">>> " in inspect.getdoc(thing)
    if inspect.isfunction(thing):
        assert "Args:" in thing.__doc__
        assert "Returns:" in thing.__doc__
