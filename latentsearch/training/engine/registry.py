"""Look up families by name; a family's module is imported on demand."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from indexer.errors import InputError
from indexer.numbers import GREATEST, can_be_kept
from latentsearch.training.engine import limits

if TYPE_CHECKING:
    from latentsearch.training.engine import family

Presets = dict[str, dict[str, "family.Recipe"]]


class Module(Protocol):
    """The contents of a family's module.

    PRESETS: content of the data ("pictures", "cifar10", "digits", "ring") -> name of the preset -> recipe. FORMS
    (optional): name of a setting -> presets that replace PRESETS if that setting is true.
    """

    Recipe: type[family.Recipe]
    PRESETS: Presets
    FAMILY: type[family.Family]


def load_module(name: str) -> Module:
    """Import the module of a family."""
    module: Any = importlib.import_module(f"latentsearch.training.families.{name.replace('-', '_')}")
    return module  # type: ignore[no-any-return]


def choose_recipe(name: str, content: str, preset: str, settings: dict[str, Any]) -> family.Recipe:
    """Return a family's preset for data with this content, updated with all settings that are not None.

    Raises InputError for a content, a preset or a setting that the family does not have.
    """
    presets = _presets(load_module(name), settings)
    if content not in presets:
        raise InputError(f"{name} does not learn from {content}: it learns from {' or '.join(presets)}")
    if preset not in presets[content]:
        raise InputError(f"{name} has no preset {preset} for {content}: choose {' or '.join(presets[content])}")
    recipe = presets[content][preset]
    given = {setting: value for setting, value in settings.items() if value is not None}
    unknown = set(given) - {field.name for field in fields(recipe)}
    if unknown:
        options = ", ".join(f"--{setting.replace('_', '-')}" for setting in sorted(unknown))
        raise InputError(f"{name} has no {options}: leave it out")
    return replace(recipe, **given)


# Parsers of values from text, by the type of the recipe's field.
_READERS: dict[type, Callable[[str], Any]] = {
    bool: {"true": True, "false": False}.__getitem__,
    int: int,
    float: float,
    str: str,
}
_AT_MOST = {"width": limits.WIDTH, "latent_size": limits.LATENT_SIZE}


def change_recipe(recipe: family.Recipe, changes: Iterable[str]) -> family.Recipe:
    """Return the recipe with changes of the form "NAME=VALUE"; a bool is true or false.

    Raises InputError for a name that the recipe does not have, or a value of the wrong type or out of range.
    """
    before = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    readers = {name: _READERS[type(value)] for name, value in before.items() if type(value) in _READERS}
    values = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in readers:
            raise InputError(f"the recipe has no {name!r} to set: choose from {', '.join(readers)}")
        try:
            values[name] = readers[name](text)
            if isinstance(values[name], int | float) and not can_be_kept(values[name]):
                raise ValueError
        except (ValueError, KeyError):
            wanted = type(before[name]).__name__
            raise InputError(f"{name} needs a value of type {wanted}, such as {before[name]}, not {text!r}") from None
        if type(before[name]) is int and values[name] < min(1, before[name]):
            raise InputError(f"{name}={text} is too small: the recipe has {before[name]}")
        if type(before[name]) is int and values[name] > _AT_MOST.get(name, GREATEST):
            raise InputError(
                f"{name}={text} is too large: the recipe has {before[name]}, the limit is {_AT_MOST[name]}"
            )
    return replace(recipe, **values)


def _presets(module: Module, settings: dict[str, Any]) -> Presets:
    forms: dict[str, Presets] = getattr(module, "FORMS", {})
    return next((presets for setting, presets in forms.items() if settings.get(setting)), module.PRESETS)
