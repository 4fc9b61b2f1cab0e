"""Encoder bundles: a folder with a graph from images to codes, and its description."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.encoders.framing import Framing
from indexer.errors import EncoderError
from indexer.system.extras import import_onnxruntime, require
from indexer.system.limits import cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

logger = logging.getLogger(__name__)

FORMAT = 1
# The packages lie side by side in a checkout and in the wheel.
SHIPPED = Path(__file__).parents[2] / "latentsearch" / "bundles"
DEFAULT_ENCODER = "parts"
BATCH_SIZE = 64
# The largest code length, and the largest side of a framed picture in pixels, that a sound model.json can state.
SIZE_AT_MOST = 65_536
REPAIR = "export or fetch the bundle again"
NEEDED_KEYS = ("format", "name", "latent_size", "framing", "distance", "files", "random_pair_distances")


class PictureEncoder(Protocol):
    """Anything that encodes framed pictures: uint8 (n, h, w, 3) to float32 (n, latent_size)."""

    framing: Framing
    latent_size: int

    def encode(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode a batch of framed pictures. Raises EncoderError if codes are not finite."""
        ...


class Encoder:
    """A loaded bundle's encoder.

    Treat name, sha256 (of encoder.onnx), latent_size, framing, distance ("euclidean" or "cosine"), model (the parsed
    model.json) and folder as read-only. `encode` is thread-safe.
    """

    def __init__(self, folder: Path, model: dict[str, Any], session: InferenceSession | None, threads: int = 1) -> None:
        self.folder = folder
        self.model = model
        self.name: str = model["name"]
        self.sha256: str = model["files"]["encoder.onnx"]["sha256"]
        self.latent_size: int = model["latent_size"]
        self.framing = Framing.from_json(model["framing"])
        self.distance: str = model["distance"]
        self._session = session
        self._threads = threads

    def encode(self, images: NDArray[np.uint8], batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Encode framed images, uint8 (n, h, w, 3), as codes, float32 (n, latent_size), with one thread per batch.

        Raises ValueError for images of another shape or dtype, EncoderError if the network returns NaN or infinity.
        """
        expected = (self.framing.height, self.framing.width, 3)
        if images.shape[1:] != expected or images.dtype != np.uint8:
            raise ValueError(
                f"images are {images.dtype} {images.shape}, not uint8 (n, {', '.join(map(str, expected))})"
            )
        if self._session is None:
            raise ValueError("the encoder was loaded without its network")
        batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
        codes = np.concatenate([np.empty((0, self.latent_size), np.float32), *self._each(batches)])
        if not np.isfinite(codes).all():
            raise EncoderError(
                f"encoder {self.name} gave codes that are not finite: the bundle at {self.folder} is unusable"
            )
        return codes

    def _each(self, batches: list[NDArray[np.uint8]]) -> Iterable[NDArray[np.float32]]:
        if self._threads == 1 or len(batches) < 2:
            return map(self._encode_batch, batches)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(self._encode_batch, batches))

    def _encode_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert self._session is not None
        codes: NDArray[np.float32] = self._session.run(["codes"], {"images": np.ascontiguousarray(images)})[0]
        return codes

    def similarity(self, distances: ArrayLike) -> NDArray[np.float64]:
        """Map distances to similarities in [0, 1]: the share of random training pairs that are farther apart."""
        return 1 - np.interp(np.asarray(distances, np.float64), *_shares_of_pairs(self.model))

    def distance_of(self, similarity: float) -> float:
        """Return the distance that a similarity, 0 to 1, stands for: the inverse of `similarity`."""
        quantiles, shares = _shares_of_pairs(self.model)
        return float(np.interp(1 - similarity, shares, quantiles))


def load_encoder(name_or_path: str | Path | None = None, threads: int = 0, network: bool = True) -> Encoder:
    """Load an encoder by name or bundle folder; None loads DEFAULT_ENCODER.

    threads: threads that encode batches, 0 for one per core. network: False skips ONNX Runtime; `encode` then fails.
    Raises EncoderError if the bundle is missing or damaged, MissingExtra without ONNX Runtime.
    """
    folder = find_bundle(name_or_path)
    model = read_model(folder)
    # A single-threaded batch per core takes three quarters of the time of batches that share all cores.
    session = open_session(folder, model, "encoder.onnx", 1) if network else None
    if session is not None:
        require_size(folder / "encoder.onnx", session.get_outputs()[0].shape[-1], model["latent_size"])
    return Encoder(folder, model, session, threads or cores())


def bundle_folders() -> list[Path]:
    """Return the folders that are searched for encoder names: the shipped bundles, then the user's own."""
    import platformdirs

    return [SHIPPED, platformdirs.user_data_path("latentsearch") / "encoders"]


def find_bundle(name_or_path: str | Path | None = None, default: str = DEFAULT_ENCODER) -> Path:
    """Return the absolute folder of a bundle, given its path or its name; None stands for `default`.

    Raises EncoderError if there is no such bundle.
    """
    wanted = Path(default if name_or_path is None else name_or_path)
    # The default always means a named bundle, even if the working directory has a folder of that name.
    if name_or_path is not None and (wanted / "model.json").is_file():
        return wanted.absolute()
    if len(wanted.parts) == 1:
        for folder in bundle_folders():
            if (folder / wanted / "model.json").is_file():
                return folder / wanted
    raise EncoderError(
        f"no encoder {str(wanted)!r}: give a name that `latentsearch encoders` lists, or a bundle's folder"
    )


def read_model(folder: Path) -> dict[str, Any]:
    """Read and check a bundle's model.json. Raises EncoderError if it is damaged or has another format version."""
    path = folder / "model.json"
    try:
        model: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): {REPAIR}") from error
    missing = [key for key in NEEDED_KEYS if not isinstance(model, dict) or key not in model]
    if missing:
        raise EncoderError(f"{path} lacks {', '.join(missing)}: {REPAIR}")
    if model["format"] != FORMAT:
        raise EncoderError(f"{path} has bundle format {model['format']}, not {FORMAT}: it needs another latentsearch")
    try:
        framing = Framing.from_json(model["framing"])
        model["files"]["encoder.onnx"]["sha256"]
        sizes = [framing.width, framing.height, model["latent_size"]]
        sizes += [model["generator"]["latent_size"]] if "generator" in model else []
    except (AttributeError, KeyError, TypeError) as error:
        raise EncoderError(f"{path} does not state its framing or its files as it should: {REPAIR}") from error
    if not all(type(size) is int and 1 <= size <= SIZE_AT_MOST for size in sizes):
        raise EncoderError(f"{path} states a size that is no whole number from 1 to {SIZE_AT_MOST}: {REPAIR}")
    try:
        _shares_of_pairs(model)
    except (IndexError, TypeError, ValueError) as error:
        raise EncoderError(f"{path} does not state the distances of random pairs as it should: {REPAIR}") from error
    return model


def require_size(graph: Path, size: int | str | None, stated: int) -> None:
    """Raise EncoderError if a graph's code size differs from model.json; graphs with a dynamic size pass."""
    if isinstance(size, int) and size != stated:
        raise EncoderError(f"{graph} has codes of {size} numbers, and its model.json states {stated}: {REPAIR}")


def _shares_of_pairs(model: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ascending distances and the share of random pairs at most that far apart. Raises ValueError.

    Search results fall below the first quantile (a share of 0.005), so newer bundles store that tail separately as
    `closest_pairs`; older ones lack it.
    """
    quantiles = np.asarray(model["random_pair_distances"], np.float64)
    closest = np.asarray(model.get("closest_pairs") or np.empty((0, 2)), np.float64)
    shares = np.linspace(0, 1, len(quantiles))
    if len(closest):
        closest = closest[(closest[:, 1] < quantiles[1]) & (closest[:, 0] < shares[1])]
        quantiles = np.concatenate([[0.0], closest[:, 1], quantiles[1:]])
        shares = np.concatenate([[0.0], closest[:, 0], shares[1:]])
    ascending = all((np.diff(column) >= 0).all() for column in (quantiles, shares))
    if len(quantiles) < 2 or not ascending or not np.isfinite(quantiles).all():
        raise ValueError("the distances of random pairs do not ascend")
    return quantiles, shares


def available_encoders() -> list[tuple[Path, dict[str, Any]]]:
    """Return (folder, model.json) of every bundle that can be found by name. Damaged bundles are logged and skipped."""
    found = []
    for parent in bundle_folders():
        for folder in sorted(path.parent for path in parent.glob("*/model.json")):
            try:
                found.append((folder, read_model(folder)))
            except EncoderError as error:
                logger.warning("%s", error)
    return found


def open_session(
    folder: Path, model: dict[str, Any], file: str, threads: int, on_cpu: bool = False
) -> InferenceSession:
    """Load a bundle's graph into ONNX Runtime; `threads` work on one batch, 0 for one per core.

    on_cpu: use no other device, as in worker processes, each of which would take memory there.
    Raises EncoderError if the graph is damaged, MissingExtra without ONNX Runtime.
    """
    require("onnxruntime")
    graph = read_verified(folder / file, model["files"].get(file, {}))
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # the exception reports everything that is wrong with a graph
    # Threads that spin while waiting would take cores from the decoding processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    known = ("CUDAExecutionProvider", "CPUExecutionProvider")[on_cpu:]
    providers = [name for name in known if name in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base class
        # The message quotes strings from the graph, which may contain control characters.
        reason = " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())
        raise EncoderError(f"{folder / file} cannot be loaded by ONNX Runtime: {reason}") from error
    logger.debug("encoder %s: %s, on %s", model["name"], folder / file, ", ".join(session.get_providers()))
    return session


def read_verified(path: Path, stated: dict[str, Any]) -> bytes:
    """Read a bundle's file and check its SHA-256. Raises EncoderError if the hash differs or the file is unreadable."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EncoderError(f"{path} cannot be read ({error.strerror}): {REPAIR}") from error
    if hashlib.sha256(content).hexdigest() != stated.get("sha256"):
        raise EncoderError(f"{path} is damaged (its sha256 is not the one in model.json): {REPAIR}")
    return content
