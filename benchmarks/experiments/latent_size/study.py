"""One study of latent-size: the models of a data set, and the tasks of each part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import Tensor

from benchmarks.datasets.image_sets import Sets
from benchmarks.experiments.latent_size import generators, probes, uses
from benchmarks.experiments.latent_size.classifier import Classifier, accuracy, trained_once
from benchmarks.experiments.latent_size.kept import Kept, Task
from benchmarks.experiments.latent_size.models import Model, Search, train_missing, trained_models
from benchmarks.experiments.latent_size.quality import Judge
from benchmarks.judges.inverters import to_pixels

# The learning rates of the search, chosen by the errors of 64 training and 64 validation images after 200 steps, on one
# WGAN-GP each. Digits, latent size 1,000, at rates 0.03, 0.05, 0.1 and 0.2: 0.0124 and 0.0087, 0.0138 and 0.0098,
# 0.0165 and 0.0227, 0.0277 and 0.0293; latent size 500: 0.0112 and 0.0131, 0.0091 and 0.0118, 0.0097 and 0.0115, 0.0122
# and 0.0182. CIFAR-10, latent size 1,000, at 0.03, 0.05 and 0.1: 0.0403 and 0.0395, 0.0381 and 0.0362, 0.0364 and
# 0.0334. Decaying the rate to 0 is worse: 0.0204 and 0.0264 for digits at latent size 1,000, from 0.1.
LEARNING_RATES = (0.05, 0.1)
DATA = "data"  # the key of measurements that involve no model


@dataclass(frozen=True)
class Settings:
    """What to train and measure: see the options of latent-size."""

    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    preset: str
    images: int
    steps: int
    drawn: int
    learned: int

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        lists = {"sizes": list(self.sizes), "seeds": list(self.seeds), "learning_rates": list(LEARNING_RATES)}
        return asdict(self) | lists


class Study:
    """Models and tasks of one data set.

    other: an .npz file of CIFAR-10 for models of CelebA; report: called with the current task.
    """

    def __init__(
        self, sets: Sets, folder: Path, settings: Settings, other: Path | None, report: Callable[[str], None]
    ) -> None:
        self.sets, self.folder, self.settings, self.other, self.report = sets, folder, settings, other, report
        self.seed = settings.seeds[0]
        self.search = Search(settings.steps, LEARNING_RATES, self.seed)
        self.kept = Kept(folder / "measured")
        self.models: list[Model] = []
        self._images: dict[str, dict[str, Tensor]] = {}

    def train(self) -> None:
        """Train missing models."""
        train_missing(self.sets, self.folder, self.settings.sizes, self.settings.seeds, self.settings.preset)

    def load(self) -> None:
        """Load the trained models."""
        self.models = list(trained_models(self.folder, self.settings.sizes, self.settings.seeds))

    def measure(self, part: str) -> None:
        """Run the tasks of a part that are not done yet; some parts have none on this data."""
        for task in self.tasks(part):
            if not self.kept.has(part, task):
                self.report(f"{part}: {task.key}")
                self.kept.measure(part, task)

    def summary(self, parts: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Part -> key -> value, of everything measured with these settings."""
        rows = {part: self.kept.rows(part) for part in parts}
        done = {part: [task.key for task in self.tasks(part) if self.kept.has(part, task)] for part in rows}
        return {part: {key: rows[part][key]["value"] for key in keys} for part, keys in done.items() if keys}

    def tasks(self, part: str) -> Iterator[Task]:
        """The tasks of a part, one of benchmarks.experiments.latent_size.run.PARTS."""
        of_part: dict[str, Callable[[], Iterator[Task]]] = {
            "reconstruction": self._reconstruction,
            "quality": self._quality,
            "shifted": partial(self._probes, "shifted", self._first()),
            "other": self._other,
            "noise": partial(self._probes, "noise", self.models),
            "weights": self._weights,
            "surface": self._surface,
            "lengths": self._lengths,
            "classifier": self._classifier,
            "labels": self._labels,
        }
        yield from of_part[part]()

    def images(self, part: str) -> dict[str, Tensor]:
        """The images of a part by name, made once."""
        if part not in self._images:
            self._images[part] = probes.of_part(part, self.sets, self.settings.images, self.seed, self.other)
            for name, images in self._images[part].items():
                probes.keep_shown(self.shown(name, DATA), to_pixels(images[: probes.SHOWN]))
        return self._images[part]

    def shown(self, probe: str, key: str) -> Path:
        """The path of a probe's first few images, or of a model's reconstructions of them."""
        return self.folder / "shown" / f"{probe.replace(' ', '-')}-{key}.npy"

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier whose features the distances use."""
        return trained_once(self.kept.folder / f"classifier-{self.seed}.safetensors", self.sets, self.seed)

    @cached_property
    def judge(self) -> Judge:
        """The judge that measures distances."""
        return Judge(self.classifier, self.sets, self.settings.drawn, self.seed)

    def _first(self) -> list[Model]:
        return [model for model in self.models if model.seed == self.seed]

    def _gans(self) -> list[Model]:
        return [model for model in self._first() if model.encoder is None]

    def _task(self, model: Model, settings: dict[str, Any], compute: Callable[[], Any], what: str = "") -> Task:
        return Task(what + model.key, {"run": _identity(model), "seed": self.seed} | settings, compute)

    def _searched(self) -> dict[str, Any]:
        return {"images": self.settings.images, "steps": self.settings.steps, "learning_rates": list(LEARNING_RATES)}

    def _probes(self, part: str, models: list[Model]) -> Iterator[Task]:
        for model in models:
            yield self._task(model, self._searched(), partial(self._look, part, model))

    def _look(self, part: str, model: Model) -> dict[str, Any]:
        return {
            name: probes.measure(model, images, self.search, self.shown(name, model.key), part == "reconstruction")
            for name, images in self.images(part).items()
        }

    def _reconstruction(self) -> Iterator[Task]:
        count = self.settings.images
        mean = partial(probes.errors_of_the_mean, self.sets, count, self.seed)
        yield Task(DATA, {"images": count, "seed": self.seed}, mean)
        yield from self._probes("reconstruction", self.models)
        for model in self._gans():
            own = partial(probes.measure_own, model, count, self.search)
            yield self._task(model, self._searched(), own, "own ")
        drawn = self.settings.drawn
        for model in (model for model in self.models if model.encoder is not None):
            encoded = partial(probes.measure_encoded, model, self.sets, drawn, self.seed)
            yield self._task(model, {"drawn": drawn}, encoded, "encoded ")

    def _other(self) -> Iterator[Task]:
        if self.other and self.sets.name == "celeba":
            yield from self._probes("other", self._first())

    def _quality(self) -> Iterator[Task]:
        settings = {"drawn": self.settings.drawn}
        yield Task(DATA, settings | {"seed": self.seed}, self._floor)
        for model in self.models:
            yield self._task(model, settings, partial(self._judged, model))

    def _floor(self) -> dict[str, Any]:
        return {"distance": self.judge.floor(), "accuracy": accuracy(self.classifier, self.sets.validation)}

    def _judged(self, model: Model) -> dict[str, Any]:
        return self.judge.measure(model)

    def _weights(self) -> Iterator[Task]:
        for model in self._gans():
            yield self._task(model, {}, partial(generators.weights, model))

    def _surface(self) -> Iterator[Task]:
        for model in self._gans():
            yield self._task(model, {}, partial(generators.surfaces, model, self.seed))

    def _lengths(self) -> Iterator[Task]:
        for model in self._gans()[-1:]:
            yield self._task(model, self._searched(), partial(self._without_ball, model))

    def _without_ball(self, model: Model) -> dict[str, Any]:
        return generators.lengths(model, self.images("reconstruction"), self.search)

    def _classifier(self) -> Iterator[Task]:
        if self.sets.name != "mnist":
            return
        count, test = self.settings.learned, self.sets.validation
        split = self.sets.train.some(count, self.seed)
        learn = partial(uses.learned_from, split, test, self.seed)
        yield Task(DATA, {"learned": count, "seed": self.seed}, learn)
        for model in self._first():
            again = partial(uses.learned_from_reconstructions, model, split, test, self.search)
            yield self._task(model, self._searched() | {"learned": count}, again)

    def _labels(self) -> Iterator[Task]:
        models = [model for model in self._first() if model.encoder is not None]
        if self.sets.name == "celeba" and models:
            settings = {"runs": {model.key: _identity(model) for model in models}, "seed": self.seed}
            yield Task(DATA, settings, partial(uses.label_agreement, models, self.sets, self.seed))


def _identity(model: Model) -> dict[str, Any]:
    """Facts that distinguish a run from another of the same name; steps and seconds alone may coincide."""
    return {name: model.facts[name] for name in ("preset", "recipe", "commit", "steps", "seconds")}
