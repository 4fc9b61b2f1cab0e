"""Write encoder bundles, and use their generators: draw pictures, and find the codes of given ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from indexer.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.progress import StepReport
    from latentsearch.inversion.optimise import Method
    from latentsearch.inversion.reconstruct import Reconstruction
    from latentsearch.training.datasets.images import Images
    from latentsearch.training.engine.trained import Trained

PRECISIONS = ("fp32", "fp16", "int8")
DISTANCES = ("cosine", "euclidean")
OF_THE_PICTURES = "as its training pictures'"
PRETRAINED = "timm:"
ONNX = ".onnx"


class NetworkOptions(TypedDict, total=False):
    """The options of `export_bundle` for an ONNX file.

    Its input is (pixel - mean) / scale, for pixels from 0 to 255: mean (0) and scale (255) are a number, or three for
    red, green and blue. size: a side or (width, height), if the file states none. features: the value to take codes
    from, if not its only output; maps (n, c, h, w) are averaged. latent_size: the most numbers in a code for cosine
    distance (128). trained_on: what it learned from, in words. licence: a file to copy.
    """

    size: int | tuple[int, int] | None
    mean: float | Sequence[float]
    scale: float | Sequence[float]
    features: str | None
    latent_size: int
    trained_on: str | None
    licence: str | Path | None


class Request(NamedTuple):
    """The arguments of `export_bundle`, under the same names."""

    run: Path
    target: Path
    precision: str
    distance: str
    name: str | None
    read: str | None
    layer: int | None
    parts: str | None
    terms: str | None
    pictures: Path | None
    untrained: bool
    network: NetworkOptions

    @property
    def is_onnx(self) -> bool:
        """Whether the network is an ONNX file."""
        return self.run.suffix.lower() == ONNX and not self.run.is_dir()

    @property
    def form(self) -> dict[str, str]:
        """The arguments that apply to every bundle."""
        return {"name": self.name or self.target.name, "precision": self.precision, "distance": self.distance}


def export_bundle(
    run: str | Path,
    target: str | Path,
    *,
    precision: str = "fp16",
    distance: str = "cosine",
    name: str | None = None,
    read: str | None = None,
    layer: int | None = None,
    parts: str | Path | None = None,
    terms: str | None = None,
    pictures: str | Path | None = None,
    untrained: bool = False,
    **network: Unpack[NetworkOptions],
) -> dict[str, Any]:
    """Write a training run, or a network from elsewhere, as an encoder bundle; returns its model.json.

    run: the folder of a run; or "timm:NAME" or FILE.onnx with `pictures`, a folder of pictures to fit its codes on;
    untrained: with random weights. target: a new or empty folder. precision: "fp32", "fp16" or "int8" for the weights.
    distance: "cosine" for centred, normalised codes, "euclidean" for the network's own. name: of the encoder; None for
    the folder's. read: "parts" to compute codes from the maps of a layer (its number from 1), part by part; parts:
    "faces", "grid" or a file of boxes. terms: the weights' licence. network: for FILE.onnx, see `NetworkOptions`.

    Raises InputError for a folder without a finished run, a file that is no encoder of pictures, a target that is not
    empty and arguments that exclude each other, TransferError if pretrained weights cannot be fetched, MissingExtra
    without the extra `train` (for a run of "parts" and FILE.onnx, `cpu`).

    >>> _ = ls.train("parts", folder / "pictures", folder / "another run", changes={"size": 32, "latent_size": 4})
    >>> ls.export_bundle(folder / "another run", folder / "tiny")["distance"]
    'cosine'
    """
    asked = Request(
        Path(run), Path(target), precision, distance, name, read, layer, None if parts is None else str(parts), terms,
        None if pictures is None else Path(pictures), untrained, network,
    )  # fmt: skip
    _check(asked)
    return _export(asked)


def _export(asked: Request) -> dict[str, Any]:
    """Choose how to export what was asked for."""
    from indexer.system.extras import require, require_training
    from latentsearch.training.engine import run as runs

    require("onnxruntime")
    if asked.is_onnx:
        return _export_onnx(asked)
    if asked.pictures is None and runs.read(asked.run)["family"] == "parts":
        return _export_fitted(asked)
    require_training()
    if asked.pictures is None:
        from latentsearch.training.engine.trained import load_trained

        return _export_network(asked, *load_trained(asked.run, asked.terms or OF_THE_PICTURES))
    from latentsearch.export.pretrained import with_pretrained

    with with_pretrained(str(asked.run), asked.pictures, asked.untrained, asked.terms) as (trained, images):
        return _export_network(asked, trained, images)


def _check(asked: Request) -> None:
    """Raise InputError for arguments that are unknown or exclude each other."""
    is_pretrained = str(asked.run).startswith(PRETRAINED)
    is_foreign = is_pretrained or asked.is_onnx
    for what, value, choices in (
        ("precision", asked.precision, PRECISIONS),
        ("distance", asked.distance, DISTANCES),
        ("read", asked.read, (None, "parts")),
    ):
        _require(what, value, choices)
    if is_foreign != (asked.pictures is not None):
        raise InputError(
            "timm:NAME or FILE.onnx and pictures go together: name a folder of pictures like those you will search"
        )
    if asked.network and not asked.is_onnx:
        raise InputError(f"{', '.join(asked.network)} are for FILE.onnx alone: leave them out")
    if asked.is_onnx and asked.read is not None:
        raise InputError("read is for training runs and timm:NAME: name a value of the network with features")
    if asked.read is None and (asked.layer is not None or asked.parts is not None):
        raise InputError('layer and parts go with read="parts": set it, or leave them out')
    if asked.untrained and not is_pretrained:
        raise InputError("untrained is for timm:NAME alone: leave it out")


def _require(what: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise InputError(f"{what} is {value!r}: choose from {', '.join(map(str, choices))}")


def _export_fitted(asked: Request) -> dict[str, Any]:
    from indexer.system.extras import require_extra
    from latentsearch.export.parts_bundle import export_fitted

    require_extra("cpu", "onnx")
    if asked.read is not None:
        raise InputError(f"{asked.run} is read by parts already: leave read out")
    return export_fitted(asked.run, asked.target, **asked.form, terms=asked.terms or OF_THE_PICTURES)


def _export_onnx(asked: Request) -> dict[str, Any]:
    from indexer.system.extras import require_extra

    require_extra("cpu", "onnx")
    from latentsearch.export.onnx_bundle import Source, export_onnx
    from latentsearch.export.onnx_file import InputForm

    options = asked.network
    size, licence = options.get("size"), options.get("licence")
    mean, scale = options.get("mean", 0.0), options.get("scale", 255.0)
    source = Source(
        asked.run,
        InputForm((size, size) if isinstance(size, int) else size, _numbers(mean), _numbers(scale)),
        options.get("features"),
        options.get("latent_size", 128),
        options.get("trained_on"),
        asked.terms,
        None if licence is None else Path(licence),
    )
    assert asked.pictures is not None  # checked by _check
    return export_onnx(source, asked.pictures, asked.target, **asked.form)


def _numbers(given: float | Sequence[float]) -> tuple[float, ...]:
    return (float(given),) if isinstance(given, int | float) else tuple(map(float, given))


def _export_network(asked: Request, trained: Trained, images: Images) -> dict[str, Any]:
    from latentsearch.export.bundle import export
    from latentsearch.export.network_by_parts import Wish
    from latentsearch.parts.boxes import choose_parts
    from latentsearch.training.families.parts import parts_of

    wish = None
    if asked.read is not None:
        wish = Wish(choose_parts(asked.parts or parts_of(Path(images.facts["source"]))), asked.layer)
    return export(trained, images, asked.target, **asked.form, read=wish)


def sample(bundle: str | Path | None = None, count: int = 64, *, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Generate pictures from random codes: an iterator over count arrays uint8 (h, w, 3), drawn a batch at a time.

    bundle: a name that `encoders` lists or a folder; None for "aegan", which is included. Equal seeds and counts give
    equal pictures. Raises EncoderError for a bundle that is missing or damaged, has no generator or only decodes,
    InputError for a count below 1 or a seed below 0, MissingExtra without ONNX Runtime.

    >>> [pixels.shape for pixels in ls.sample(count=2, seed=1)]
    [(64, 64, 3), (64, 64, 3)]
    """
    from indexer.encoders.generator import load_generator

    if count < 1 or seed < 0:
        raise InputError(f"count is {count} and seed {seed}: count must be at least 1, seed at least 0")
    return load_generator(bundle).draw(count, seed)


def invert(
    pictures: str | Path | Iterable[str | Path],
    generator: str | Path | None = None,
    *,
    method: Method = "projected",
    start: str | Path = "random",
    steps: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    target: str | Path | None = None,
    on_progress: StepReport | None = None,
) -> list[Reconstruction]:
    """Find the codes whose generated pictures are most like the given files, by optimisation; all at once.

    generator: a bundle by name or folder; None for "aegan". method: "gradient" (gradient descent on cross-entropy) or
    "projected" (Adam on the squared error, within the prior's ball). start: "random", or an encoder whose codes to
    start from. steps, learning_rate: None for 200, and 0.2 for "projected" or 0.0003 for "gradient". threads: None for
    PyTorch's. target: a file for the reconstruction, or a folder for several. on_progress: called with the method, the
    steps done and their number.

    Returns a result per picture: code float32 (d,), pixels uint8 (h, w, 3), the fits `start` and `end` (difference 0 to
    255, cross_entropy, length), seconds and settings. Raises InputError, UnreadableImage, EncoderError, MissingExtra.
    """
    _set_up_torch(threads)
    from latentsearch.inversion.optimise import METHODS
    from latentsearch.inversion.reconstruct import reconstruct, targets, write_picture

    _require("method", method, METHODS)
    images = [Path(pictures)] if isinstance(pictures, str | Path) else [Path(path) for path in pictures]
    written = targets(images, Path(target)) if target is not None else []
    report = _ignore if on_progress is None else partial(on_progress, method)
    found = reconstruct(
        images,
        generator,
        method=method,
        encoder=None if start == "random" else start,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
        report=report,
    )
    for one, path in zip(found, written, strict=False):
        write_picture(one.pixels, path)
    return found


def _set_up_torch(threads: int | None) -> None:
    """Set PyTorch's number of threads. Raises MissingExtra without the extra `train`."""
    from indexer.system.extras import require_training

    require_training()
    import torch

    if threads:
        torch.set_num_threads(threads)


def _ignore(done: int, total: int | None) -> None:
    pass
