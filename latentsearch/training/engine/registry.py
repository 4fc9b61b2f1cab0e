"""The families by name: a module each, imported when it is asked for."""

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
    """What a family's module holds.

    PRESETS: kind of data ("pictures", "cifar10", "digits", "ring") -> preset -> recipe. A module may also hold FORMS:
    name of a setting -> presets in place of those, where that setting is given and true.
    """

    Recipe: type[family.Recipe]
    PRESETS: Presets
    FAMILY: type[family.Family]


def load_module(name: str) -> Module:
    """The module of a family."""
    module: Any = importlib.import_module(f"latentsearch.training.families.{name.replace('-', '_')}")
    return module  # type: ignore[no-any-return]


def choose_recipe(name: str, kind: str, preset: str, settings: dict[str, Any]) -> family.Recipe:
    """A family's preset for this kind of data, with the settings that are not None in place of its own.

    Raises InputError for a kind of data, a preset or a setting that the family does not have.
    """
    presets = _presets(load_module(name), settings)
    if kind not in presets:
        raise InputError(f"{name} does not learn from {kind}: it learns from {' or '.join(presets)}")
    if preset not in presets[kind]:
        raise InputError(f"{name} has no preset {preset} for {kind}: choose {' or '.join(presets[kind])}")
    recipe = presets[kind][preset]
    given = {setting: value for setting, value in settings.items() if value is not None}
    unknown = set(given) - {field.name for field in fields(recipe)}
    if unknown:
        options = ", ".join(f"--{setting.replace('_', '-')}" for setting in sorted(unknown))
        raise InputError(f"{name} has no {options}: leave it out")
    return replace(recipe, **given)


# By the type of a recipe's field, what reads a value for it.
_READERS: dict[type, Callable[[str], Any]] = {
    bool: {"true": True, "false": False}.__getitem__,
    int: int,
    float: float,
    str: str,
}
_AT_MOST = {"width": limits.WIDTH, "latent_size": limits.LATENT_SIZE}


def change_recipe(recipe: family.Recipe, changes: Iterable[str]) -> family.Recipe:
    """The recipe with other values of some of its fields: "NAME=VALUE" each, of a switch true or false.

    Raises InputError for a name that the recipe does not have, or a value that does not fit.
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
            kind = type(before[name]).__name__
            raise InputError(f"{name} is {before[name]} of type {kind}, and {text!r} is none") from None
        if type(before[name]) is int and values[name] < min(1, before[name]):
            raise InputError(f"{name} is {before[name]}, and {text} is too small")
        if type(before[name]) is int and values[name] > _AT_MOST.get(name, GREATEST):
            raise InputError(f"{name} is {before[name]}, and {text} is more than {_AT_MOST[name]}")
    return replace(recipe, **values)


def _presets(module: Module, settings: dict[str, Any]) -> Presets:
    forms: dict[str, Presets] = getattr(module, "FORMS", {})
    return next((presets for setting, presets in forms.items() if settings.get(setting)), module.PRESETS)
