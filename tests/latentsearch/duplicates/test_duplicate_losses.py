"""What copies have lost, and that no plan deletes what is complete: drawn pictures through the command line."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from latentsearch.duplicates.compare.changes import CHANGES
from tests.latentsearch.copies import Copies, indexed
from tests.latentsearch.lossy_copies import COPIES, LOOK_ALIKES, discs, draw_all, photo, taken

Picture = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What the verb says of a folder, by the names of the folders below it, and its plan."""

    copies: Copies
    groups: dict[str, list[list[Picture]]]
    plan: Path

    def of(self, case: str) -> list[Picture]:
        """The only group of a case."""
        (group,) = self.groups[case]
        return group


def look(copies: Copies, plan: Path, *options: str) -> Found:
    answer = copies.json("--delete-plan", plan, *options)
    assert answer["left_out"] == []
    groups: dict[str, list[list[Picture]]] = {folder.name: [] for folder in copies.pictures.iterdir()}
    for group in answer["groups"]:
        (case,) = {Path(picture["path"]).parent.name for picture in group["pictures"]}
        groups[case].append(group["pictures"])
    return Found(copies, groups, plan)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("losses")
    assert list(draw_all(folder / "pictures", {**COPIES, **LOOK_ALIKES}))
    return look(indexed(folder / "pictures", folder / "index"), folder / "plan.sh")


def name(picture: Picture) -> str:
    return Path(picture["path"]).stem


@pytest.mark.parametrize("case", [case for case in COPIES if case != "large_grey"])
def test_each_copy_is_called_what_it_is(found: Found, case: str) -> None:
    best, *others = found.of(case)
    assert (name(best), best["kind"]) == ("best", "best")
    assert len(others) == len(list((found.copies.pictures / case).iterdir())) - 1
    by_id = {picture["id"]: picture for picture in (best, *others)}
    for other in others:
        words = name(other).split("-")
        if words[0] == "lost":
            assert words[1] in other["lost"] or (words[1] == "colours" and "colour" in other["lost"]), other
            assert other["kind"] in CHANGES
        elif words[-1] == "same" and len(words) > 1:
            assert other["kind"] == "same" and by_id[other["of"]]["kind"] == words[0]
            assert other["to_best"]["kind"] == words[0]
        else:
            assert other["kind"] == words[0], other
            assert other["of"] == best["id"]
        assert bool(other["gained"]) == ("torn" in words), other
        assert (other["kind"] in CHANGES) == bool(other["changes"])


@pytest.mark.parametrize("case", LOOK_ALIKES)
def test_what_only_looks_alike_is_never_the_same(found: Found, case: str) -> None:
    for group in found.groups[case]:
        assert {picture["kind"] for picture in group} == {"best", "recoloured"}, group


def test_what_a_turned_copy_is_turned_by(found: Found) -> None:
    for copy in found.of("turned")[1:]:
        _, degrees, *mirrored = name(copy).split("-")
        assert copy["turned_by"] == int(degrees)
        assert copy["changes"] == ["turned", *mirrored]
        original = Image.open(found.copies.pictures / "turned" / "best.png")
        again = original.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else original
        again = again.rotate(-copy["turned_by"], expand=True)
        assert again.size == (copy["width"], copy["height"])


def test_the_losses_of_a_copy_are_named(found: Found) -> None:
    lost = {
        (case, name(picture)): picture["lost"] for case in COPIES for group in found.groups[case] for picture in group
    }
    assert lost["grey", "greyed"] == ["colour"]
    assert lost["deep", "fewer colours"] == ["bit depth"]
    assert lost["palette", "fewer colours"] == ["colours"]
    assert lost["animation", "still of an animation"] == lost["animation", "shortened"] == ["frames"]
    assert lost["document", "one page of a document-3"] == ["pages"]
    assert lost["alpha", "flattened-black"] == ["alpha"]
    assert lost["stripped_copy", "same"] == ["pixels", "date", "camera"]
    assert lost["mirrored_and_cropped", "cropped"] == ["area"]


def test_the_plan_keeps_what_is_complete_and_what_is_altered(found: Found) -> None:
    before = {path for path in found.copies.pictures.rglob("*") if path.is_file()}
    done = subprocess.run(["sh", found.plan, "delete"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    gone = before - set(found.copies.pictures.rglob("*"))
    expected = {path for path in before if path.stem.split("-")[0] == "same" and "torn" not in path.stem}
    expected |= {path for path in before if path.stem.endswith("-same")}
    assert gone == expected


def test_where_each_has_something_of_its_own_neither_goes_and_it_is_said(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    photo(1).save(pictures / "stripped.jpg", quality=92)
    photo(1).resize((178, 218)).save(pictures / "small.jpg", quality=85, exif=taken())
    copies = indexed(pictures, tmp_path / "index")
    result = copies.call("--json", "--delete-plan", tmp_path / "plan.sh")
    ((best, other),) = (group["pictures"] for group in json.loads(result.stdout)["groups"])
    assert (name(best), other["kind"], other["lost"]) == ("stripped", "same", ["pixels"])
    assert other["gained"] == ["date", "camera"]
    assert "1 copy has something that the best of its group lacks, so no plan deletes it; --json" in result.stderr
    plan = (tmp_path / "plan.sh").read_text()
    assert "neither is deleted: this one has date, camera that the best lacks" in plan
    assert "\ndiscard " not in plan


def kept_with(tmp_path: Path, copies: Copies, *options: str) -> set[str]:
    """What is left when a plan with these options is run."""
    plan = tmp_path / "plan.sh"
    result = copies.call("--delete-plan", plan, *options)
    assert result.exit_code == 0, result.stderr
    assert subprocess.run(["sh", plan, "delete"]).returncode == 0
    return {path.name for path in copies.pictures.iterdir()}


@pytest.fixture
def altered(tmp_path: Path) -> Copies:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    photo(1).save(pictures / "best.png")
    photo(1).convert("L").save(pictures / "grey.png")
    photo(1).convert("L").save(pictures / "grey.jpg")
    photo(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(pictures / "mirrored.jpg")
    photo(1).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(pictures / "turned-and-mirrored.jpg")
    photo(1).save(pictures / "same.jpg")
    return indexed(pictures, tmp_path / "index")


@pytest.mark.parametrize(
    ("kinds", "gone"),
    [
        ((), {"same.jpg", "grey.jpg"}),
        (("greyed",), {"same.jpg", "grey.jpg", "grey.png"}),
        (("mirrored",), {"same.jpg", "grey.jpg", "mirrored.jpg"}),
        (("turned",), {"same.jpg", "grey.jpg"}),
        (("turned", "mirrored"), {"same.jpg", "grey.jpg", "mirrored.jpg", "turned-and-mirrored.jpg"}),
    ],
)
def test_the_plan_deletes_the_kinds_that_are_named(
    tmp_path: Path, altered: Copies, kinds: tuple[str, ...], gone: set[str]
) -> None:
    before = {path.name for path in altered.pictures.iterdir()}
    options = [word for kind in kinds for word in ("--delete", kind)]
    assert before - kept_with(tmp_path, altered, *options) == gone


def test_kinds_to_delete_need_a_plan_and_must_exist(altered: Copies, tmp_path: Path) -> None:
    without = altered.call("--delete", "greyed")
    assert without.exit_code == 2 and "name its file with --delete-plan" in without.stderr
    assert altered.call("--delete", "grey", "--delete-plan", tmp_path / "plan.sh").exit_code == 2


def test_an_exact_copy_of_an_altered_one_may_go_and_that_one_stays(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    discs(1).save(pictures / "best.png")
    discs(1).convert("L").save(pictures / "grey.png")
    (pictures / "grey-again.png").write_bytes((pictures / "grey.png").read_bytes())
    copies = indexed(pictures, tmp_path / "index")
    ((best, first, second),) = (group["pictures"] for group in copies.json()["groups"])
    assert [best["kind"], first["kind"], second["kind"]] == ["best", "greyed", "exact"]
    assert (second["of"], second["to_best"]["kind"]) == (first["id"], "greyed")
    kept = kept_with(tmp_path, copies)
    assert "best.png" in kept and len(kept) == 2


def test_the_cover_of_a_large_scan_beside_the_document_stays(found: Found) -> None:
    grey, colour = sorted(found.groups["large_grey"], key=lambda group: name(group[0]))
    assert [picture["kind"] for picture in grey] == ["best", "same"]
    assert (colour[1]["kind"], colour[1]["gained"], colour[1]["lost"]) == ("greyed", ["pixels"], ["colour"])
