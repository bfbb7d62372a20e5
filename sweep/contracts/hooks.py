"""Tells a misspelt hook: it would be ignored, since every hook has a default."""

from __future__ import annotations

from difflib import get_close_matches

# Of `get_close_matches`: "estimates_s" is 0.95 like "estimate_s"; "train" is like no hook.
ALIKE = 0.8


class Hooks:
    """Base of the contracts: a subclass may name whatever it likes, but for a public name that
    looks like one of the contract's and is none.
    """

    def __init_subclass__(cls, **arguments: object) -> None:
        """Raises TypeError, with the name that is meant."""
        super().__init_subclass__(**arguments)
        contract = next(each for each in reversed(cls.__mro__) if Hooks in each.__bases__)
        known = sorted(hooks_of(contract))
        for name in unknown_names(cls):
            if meant := get_close_matches(name, known, 1, ALIKE):
                raise TypeError(
                    f"{cls.__qualname__}.{name}: {contract.__name__} knows no {name}: did you mean "
                    f"{meant[0]}? Nothing would use it; a name of your own begins with _"
                )


def hooks_of(contract: type) -> set[str]:
    """The public names that a contract knows: its methods, and its attributes with or without a
    default.
    """
    return {name for name in [*vars(contract), *contract.__annotations__] if name[0] != "_"}


def unknown_names(part: type) -> tuple[str, ...]:
    """Public names of the class that its contract doesn't know, in its own order."""
    bases = [each for each in part.__mro__ if Hooks in each.__bases__]
    known = set().union(*map(hooks_of, bases))
    return tuple(name for name in vars(part) if name[0] != "_" and name not in known)
