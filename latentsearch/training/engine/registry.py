"""Look up families by name; a family's module is imported on demand."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from indexer.errors import InputError
from indexer.numbers import GREATEST, can_be_kept
from latentsearch.training.engine import limits

if TYPE_CHECKING:
    from latentsearch.training.engine import family

NETWORKS = ("aegan", "direct", "bigan", "ivegan", "icgan", "attributes", "autoencoder", "contrastive", "wgan-gp")
# All families; `parts` has no network and needs no PyTorch.
FAMILIES = ("parts", *NETWORKS)

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
    require_fields(name, given)
    return replace(recipe, **given)


def require_fields(name: str, settings: Iterable[str]) -> None:
    """Raise InputError, which names them as options, for settings that the recipes of a family do not have."""
    unknown = set(settings) - {field.name for field in fields(load_module(name).Recipe)}
    if unknown:
        options = ", ".join(f"--{setting.replace('_', '-')}" for setting in sorted(unknown))
        raise InputError(f"{name} has no {options}: leave it out")


def make_recipe(
    name: str, content: str, preset: str, changes: Iterable[tuple[str, Any]], settings: Mapping[str, Any] | None = None
) -> family.Recipe:
    """Return a family's preset for data with this content, updated with settings and then with changes, in order.

    changes: names of fields and their values, or text as on the command line; a form such as "mirrored" that is True
    selects its presets. settings: as for `choose_recipe`. Raises the errors of `choose_recipe` and `change_recipe`.
    """
    changes = list(changes)
    forms = {form: True for form in getattr(load_module(name), "FORMS", {}) if dict(changes).get(form) is True}
    recipe = choose_recipe(name, content, preset, forms | dict(settings or {}))
    for field, value in changes:
        recipe = change_recipe(recipe, [f"{field}={_as_text(value)}"])
    return recipe


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# Parsers of values from text, by the type of the recipe's field.
_READERS: dict[type, Callable[[str], Any]] = {
    bool: {"true": True, "false": False}.__getitem__,
    int: int,
    float: float,
    str: str,
}
_AT_MOST = {
    "width": limits.WIDTH,
    "latent_size": limits.LATENT_SIZE,
    "generator_position": limits.POSITION,
    "discriminator_position": limits.POSITION,
}


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
        if type(before[name]) is int and values[name] < _at_least(name, before[name]):
            raise InputError(f"{name}={text} is too small: the recipe has {before[name]}")
        if type(before[name]) is int and values[name] > _AT_MOST.get(name, GREATEST):
            raise InputError(
                f"{name}={text} is too large: the recipe has {before[name]}, the limit is {_AT_MOST[name]}"
            )
    return replace(recipe, **values)


def _at_least(name: str, before: int) -> int:
    """Return the least value of a whole number: 0 for epochs, positions, and fields that are 0 or less already."""
    return min(0, before) if name.endswith(("epochs", "_position")) else min(1, before)


def _presets(module: Module, settings: dict[str, Any]) -> Presets:
    forms: dict[str, Presets] = getattr(module, "FORMS", {})
    return next((presets for setting, presets in forms.items() if settings.get(setting)), module.PRESETS)
