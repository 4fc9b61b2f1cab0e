"""The catalogue's facts of pictures, and the images whose facts have not been read yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, bindparam, cast, delete, func, insert, select

from indexer.catalog.images import ImageRecord
from indexer.catalog.schema import FACT, FACT_NAMES, FACTS_UNREAD, IMAGE
from indexer.catalog.sqlite import Statements, values_checked
from indexer.facts.facts import Facts, PlainFacts

# Places are compared to this part of a degree, a millimetre, as they are stored.
PARTS = 10**8
NUMBERS = {name: number for number, name in enumerate(FACT_NAMES, start=1)}


class PictureFacts(Statements):
    """The facts of pictures, by image id; see indexer.facts.facts."""

    def add(self, facts: Iterable[tuple[int, PlainFacts]]) -> None:
        """Store the facts of images."""
        images = list(facts)
        rows = [
            (number, image_id, value)
            for image_id, of_one in images
            for number, value in enumerate(of_one, start=1)
            if value is not None
        ]
        if rows:
            self._fast.add_facts(sorted(rows, key=itemgetter(0, 1)))

    def copy(self, copies: Iterable[tuple[int, int]]) -> None:
        """Copy facts between images with the same content, given as (target id, source id), read or not."""
        pairs = list(copies)
        if not pairs:
            return
        sources = [source for _, source in pairs]
        known = self.of_ids(sources)
        unread = {row[0] for row in self.rows(select(FACTS_UNREAD).where(FACTS_UNREAD.c.image_id.in_(sources)))}
        self.add((target, known[source]) for target, source in pairs if source in known)
        self.mark_unread(target for target, source in pairs if source in unread)

    def of_ids(self, ids: Sequence[int]) -> dict[int, Facts]:
        """Return the facts of images that state any. Raises DamagedIndex for a fact of another type than its own."""
        found: dict[int, dict[str, Any]] = {}
        with values_checked():
            for image_id, number, value in self._fast.facts(ids):
                found.setdefault(image_id, {})[FACT_NAMES[number - 1]] = value
            return {image_id: Facts(**values).checked() for image_id, values in found.items()}

    def places(
        self, latitudes: tuple[float, float], longitudes: tuple[float, float] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the places in ranges of degrees, longitudes None for all, rounded to 1 / PARTS degrees.

        Returns ids, int64 (n,), ascending, and latitudes and longitudes, float64 (n,) each.
        """
        latitude, longitude = FACT.alias(), FACT.alias()
        joined = latitude.join(longitude, longitude.c.image_id == latitude.c.image_id)
        parts = (cast(func.round(value * PARTS), Integer) for value in (latitude.c.value, longitude.c.value))
        found = select(latitude.c.image_id.label("id"), *(part.label(f"part_{n}") for n, part in enumerate(parts)))
        found = found.select_from(joined).where(
            latitude.c.fact == NUMBERS["latitude"],
            longitude.c.fact == NUMBERS["longitude"],
            latitude.c.value.between(*latitudes),
        )
        if longitudes is not None:
            found = found.where(longitude.c.value.between(*longitudes))
        # Fetching three strings of whole numbers takes half the time of fetching rows; decimals take twice as long.
        rows = found.subquery()
        texts = self._connection.execute(select(*map(func.group_concat, rows.c))).one()
        ids, norths, easts = (np.fromstring(text or "", np.int64, sep=",") for text in texts)
        order = np.argsort(ids)
        return ids[order], norths[order] / PARTS, easts[order] / PARTS

    def unread_from(self, first: int, count: int) -> list[ImageRecord]:
        """Return up to `count` images whose facts have not been read, with ids from `first` on, ordered by id."""
        unread = select(FACTS_UNREAD.c.image_id).where(FACTS_UNREAD.c.image_id >= first)
        some = unread.order_by(FACTS_UNREAD.c.image_id).limit(count).scalar_subquery()
        found = select(IMAGE).where(IMAGE.c.id.in_(some)).order_by(IMAGE.c.id)
        return [ImageRecord._make(row) for row in self._connection.execute(found)]

    def count_unread(self) -> int:
        """Count the images whose facts have not been read."""
        return self._scalar(select(func.count()).select_from(FACTS_UNREAD))

    def mark_unread(self, ids: Iterable[int]) -> None:
        """Record that the facts of images have not been read."""
        rows = [{"image_id": image_id} for image_id in ids]
        if rows:
            self._connection.execute(insert(FACTS_UNREAD).prefix_with("OR REPLACE"), rows)

    def mark_read(self, ids: Iterable[int]) -> None:
        """Record that the facts of images have been read."""
        rows = [{"done": image_id} for image_id in ids]
        if rows:
            self._connection.execute(delete(FACTS_UNREAD).where(FACTS_UNREAD.c.image_id == bindparam("done")), rows)
