"""What measures and data sets have in common: settings, and an identity that tells them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from sweep.contracts.hooks import unknown_names
from sweep.types import digest_of


class _Part(Protocol):
    name: str

    def identity(self) -> dict[str, Any]: ...


class SettingsContract:
    """changes: of each setting another value than `part()` has, which its identity must tell;
    untold: settings that no result depends on, with other values. Each setting of the constructor,
    or of the `Section` that it takes, is in one of the two, or in held_elsewhere, where you have
    tests of your own. own_names: public names of the class that are no hooks.
    """

    changes: ClassVar[Mapping[str, Any]] = {}
    untold: ClassVar[Mapping[str, Any]] = {}
    held_elsewhere: ClassVar[frozenset[str]] = frozenset()
    own_names: ClassVar[frozenset[str]] = frozenset()

    def part(self, **settings: Any) -> _Part:
        raise NotImplementedError

    def test_it_has_a_name(self) -> None:
        name = self.part().name
        assert name
        assert name == name.strip()
        assert name.isprintable()

    def test_every_public_name_of_its_class_is_a_hook(self) -> None:
        unknown = set(unknown_names(type(self.part()))) - self.own_names
        assert not unknown, "nothing calls them: begin them with _, or name them in own_names"

    def test_its_identity_is_json_and_the_same_each_time(self) -> None:
        identity = self.part().identity()
        assert isinstance(identity, dict)
        json.dumps(identity, allow_nan=False)
        assert digest_of(identity) == digest_of(self.part().identity())

    def test_its_identity_tells_each_setting_that_results_depend_on(self) -> None:
        changed = {name: {name: value} for name, value in self.changes.items()}
        digests = {name: digest_of(self.part(**each).identity()) for name, each in changed.items()}
        digests["none"] = digest_of(self.part().identity())
        alike = {name for name, each in digests.items() if list(digests.values()).count(each) > 1}
        assert not alike, "settings that make no difference, or the same"

    def test_its_identity_tells_no_other(self) -> None:
        as_it_is = digest_of(self.part().identity())
        for name, value in self.untold.items():
            assert digest_of(self.part(**{name: value}).identity()) == as_it_is, name

    def test_no_setting_is_forgotten(self) -> None:
        forgotten = settings_of(self.part()) - {*self.changes, *self.untold, *self.held_elsewhere}
        assert not forgotten, "name each in changes or untold"


def settings_of(part: _Part) -> set[str]:
    """The arguments of the constructor, or the fields of the one `Section` that it takes."""
    section = getattr(type(part), "Settings", None) or type(getattr(part, "settings", None))
    fields = getattr(section, "model_fields", None)
    return set(fields if fields is not None else inspect.signature(type(part)).parameters)
