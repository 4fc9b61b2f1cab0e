"""`latentsearch index` on folders as people have them: what is left out, told by its first bytes, and not pruned."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.files.ignore import IGNORE_FILE
from indexer.index.index import Index
from tests.hostile import encode_picture
from tests.latentsearch.cli.test_index_verb import Place
from tests.support import draw_picture, make_bundle, make_celeba, make_folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def place(tmp_path: Path, bundle: Path) -> Place:
    """A folder with one picture, photo.jpg."""
    (tmp_path / "pictures").mkdir()
    draw(tmp_path / "pictures", "photo.jpg")
    return Place(tmp_path / "pictures", tmp_path / "index", bundle)


def draw(folder: Path, *names: str, seed: int = 0) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encode_picture(draw_picture(seed + sum(map(ord, name))), "JPEG"))


def index(place: Place, *arguments: str | Path) -> dict[str, Any]:
    return place.json("index", *(arguments or (place.pictures,)), "--encoder", place.bundle)


def names(place: Place) -> set[str]:
    """Of the pictures in the index, relative to the folder."""
    with Index.open(place.index) as opened:
        return {os.path.relpath(record.path, place.pictures) for record in opened.catalog.images.all()}


NAS = ("@eaDir/photo.jpg/SYNOPHOTO_THUMB_XL.jpg", "System Volume Information/x.jpg", "node_modules/a/icon.jpg")


def test_what_a_nas_leaves_among_photographs_is_left_out_and_counted(place: Place) -> None:
    draw(place.pictures, *NAS, "lost+found/y.jpg", "x/$RECYCLE.BIN/z.jpg", "x/#recycle/z.jpg")
    result = place.call("index", place.pictures, "--encoder", place.bundle)
    assert result.exit_code == 0
    assert result.stderr == "latentsearch: passed over: 6 excluded\n"
    assert names(place) == {"photo.jpg"}


def test_what_is_left_out_is_indexed_where_it_is_asked_for(place: Place) -> None:
    draw(place.pictures, *NAS)
    assert index(place, place.pictures / "@eaDir")["encoded"] == 1
    assert names(place) == {NAS[0]}
    assert index(place, place.pictures, "--exclude", "!node_modules")["encoded"] == 2
    (place.pictures / IGNORE_FILE).write_text("!System Volume Information\n")
    assert index(place)["encoded"] == 1
    assert names(place) == {"photo.jpg", *NAS}


def test_patterns_of_the_option_and_of_files_leave_out(place: Place) -> None:
    draw(
        place.pictures, "a.tmp.jpg", "private/b.jpg", "sub/private/c.jpg", "sub/scans/d.jpg", "scans/e.jpg", "keep.jpg"
    )
    (place.pictures / "sub" / IGNORE_FILE).write_text("# no scans here\n/scans\n")
    arguments = ("--exclude", "*.tmp.*", "--exclude", "/private/", "--exclude", "k*.jpg", "--exclude", "!keep.jpg")
    summary = index(place, place.pictures, *arguments)
    assert summary["passed_over"] == {"excluded": 3}
    assert names(place) == {"photo.jpg", "keep.jpg", "scans/e.jpg", "sub/private/c.jpg"}


def test_a_pattern_that_is_none_is_one_sentence(place: Place) -> None:
    result = place.call("index", place.pictures, "--exclude", "a\\", "--encoder", place.bundle)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "cannot exclude by 'a\\'" in result.stderr
    assert not place.index.exists()


def test_an_ignore_file_that_cannot_be_followed_costs_its_folder_and_nothing_that_is_indexed(place: Place) -> None:
    draw(place.pictures, "in/a.jpg", "in/b.jpg")
    index(place)
    (place.pictures / "in" / IGNORE_FILE).write_text("a\\\n")
    summary = index(place, place.pictures, "--prune")
    assert (summary["failed"], summary["vanished"], summary["kept"]) == (1, 0, [])
    assert "in: its .latentsearchignore holds 'a\\'" in place.call("status", "--failures").stdout
    (place.pictures / "in" / IGNORE_FILE).write_text("a.jpg\n")
    summary = index(place)
    assert (summary["failed"], summary["vanished"], summary["unchanged"]) == (0, 1, 2)


def test_what_is_left_out_now_has_vanished_and_goes_with_prune_alone(place: Place) -> None:
    draw(place.pictures, "a.jpg", "b.jpg", "private/c.jpg")
    index(place)
    (place.pictures / IGNORE_FILE).write_text("private\n")
    result = place.call("index", place.pictures)
    assert "1 have vanished or are left out now: --prune removes them" in result.stdout
    assert len(names(place)) == 4
    assert index(place, place.pictures, "--prune")["removed"] == 1
    assert names(place) == {"a.jpg", "b.jpg", "photo.jpg"}


def test_a_file_is_told_by_its_first_bytes_and_the_rest_is_counted_by_type(place: Place) -> None:
    kinds = {"photo": "JPEG", "IMG_1.tmp": "PNG", "x.dat": "BMP", "y.txt": "GIF", "z.mp4": "WEBP", "scan.0001": "TIFF"}
    for number, (name, kind) in enumerate(kinds.items(), 1):
        (place.pictures / name).write_bytes(encode_picture(draw_picture(number), kind))
    others = {
        "a.mp4": b"\0\0\0\x20ftypisom",
        "b.MP4": b"x",
        "BM.txt": b"BM is what bitmaps begin with, and this text",
        "README": b"text",
        "empty": b"",
        "song.mp3": b"\xff\xfb\x90",
        ".hidden": b"x",
        "x.0002": b".",
    }
    for name, content in others.items():
        (place.pictures / name).write_bytes(content)
    (place.pictures / "dead").symlink_to("nowhere")
    os.mkfifo(place.pictures / "pipe")
    result = place.call("index", place.pictures, "--encoder", place.bundle)
    said = "passed over: 4 without suffix, 2 .mp4, 1 .txt, 1 .mp3, 1 of other types"
    ranked = result.stderr.removeprefix("latentsearch: passed over: ").rstrip("\n").split(", ")
    assert set(ranked) == set(said.removeprefix("passed over: ").split(", "))
    assert ranked[:2] == ["4 without suffix", "2 .mp4"]
    assert names(place) == {"photo.jpg", *kinds}
    assert place.json("status")["failures"] == 0
    assert index(place)["unchanged"] == 1 + len(kinds)


def test_many_types_are_cut_short(place: Place) -> None:
    for number in range(9):
        (place.pictures / f"a.t{number}x").write_bytes(b"x")
    result = place.call("index", place.pictures, "--encoder", place.bundle)
    assert result.stderr.count(", ") == 4 and result.stderr.endswith(" and 4 more\n")


def test_a_folder_without_pictures_says_what_it_holds(place: Place, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"x")
    result = place.call("index", tmp_path / "films", "--encoder", place.bundle)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.endswith("films (passed over: 1 .mp4)\n")


def test_what_cannot_be_read_and_has_no_suffix_of_a_picture_keeps_its_entry(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.pictures / "photo.jpg").rename(place.pictures / "photo")
    index(place)

    def refuse(path: str) -> bool:  # permissions do not hold for root, who may run this
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("indexer.files.discover.begins_as_picture", refuse)
    summary = index(place, place.pictures, "--prune=force")
    assert (summary["vanished"], summary["failed"], summary["passed_over"]) == (0, 0, {"without suffix": 1})
    assert names(place) == {"photo"}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_sheets_that_the_product_wrote_are_left_out_unless_asked_for(place: Place, suffix: str) -> None:
    make_folder(place.pictures, 3)
    index(place)
    sheet = place.pictures / f"sheet{suffix}"
    assert place.call("query", place.picture(1), "-k", "3", "--sheet", sheet).exit_code == 0
    shutil.copy(sheet, place.pictures / "000002.jpg")
    result = place.call("index", place.pictures)
    assert result.stderr == "latentsearch: passed over: 2 contact sheets of its own\n"
    assert "3 pictures found" in result.stdout and "1 have vanished" in result.stdout
    assert place.json("status")["failures"] == 0
    answers = place.call("query", "--batch", place.pictures, "-k", "1")
    assert f"{sheet}: a contact sheet that latentsearch wrote" in answers.stderr
    assert index(place, sheet)["encoded"] == 1
    os.unlink(place.pictures / "000002.jpg")
    place.call("remove", sheet)
    assert index(place, place.pictures, "--exclude", f"!sheet{suffix}")["encoded"] == 1


def test_sheets_of_a_training_run_are_marked(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from indexer.files.sheets import is_sheet
    from latentsearch.training.engine.image_grids import save_image_grid

    save_image_grid(tmp_path / "sheets" / "samples.png", torch.rand(4, 3, 8, 8))
    assert is_sheet((tmp_path / "sheets" / "samples.png").read_bytes())


# Pruning


def prepared(place: Place, count: int) -> list[Path]:
    os.unlink(place.pictures / "photo.jpg")
    made = make_folder(place.pictures, count)
    assert index(place)["encoded"] == count
    return made


def test_an_empty_named_folder_is_not_pruned_unless_forced(place: Place, tmp_path: Path) -> None:
    """A mount point that is there, while its drive is not."""
    for path in prepared(place, 3):
        path.unlink()
    make_folder(tmp_path / "other", 2, seed=3)
    result = place.call("index", "--prune", place.pictures, tmp_path / "other")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[0].startswith("2 pictures found") and "3 have vanished" in result.stdout
    assert result.stderr.count("\n") == 1
    assert f"would remove all 3 pictures of {place.pictures} (000001.jpg, 000002.jpg, 000003.jpg)" in result.stderr
    assert "--prune=force" in result.stderr
    assert place.json("status")["images"] == 5
    summary = index(place, "--prune=force", place.pictures)
    assert (summary["vanished"], summary["removed"], summary["kept"]) == (3, 3, [])


@pytest.mark.parametrize(
    ("count", "lost", "kept"), [(20, 10, False), (20, 11, True), (19, 18, False), (40, 20, False), (3, 2, False)]
)
def test_more_than_half_of_twenty_are_not_pruned_at_once(place: Place, count: int, lost: int, kept: bool) -> None:
    for path in prepared(place, count)[:lost]:
        path.unlink()
    result = place.call("index", place.pictures, "--prune", "--json")
    assert result.exit_code == (2 if kept else 0)
    assert (f"would remove {lost} of {count} pictures of" in result.stderr) == kept
    assert place.json("status")["images"] == (count if kept else count - lost)


def test_new_pictures_do_not_hide_that_the_others_are_gone(place: Place) -> None:
    for path in prepared(place, 20):
        path.unlink()
    make_folder(place.pictures / "another drive", 30, seed=1)
    result = place.call("index", place.pictures, "--prune")
    assert result.exit_code == 2 and "would remove 20 of 20 pictures" in result.stderr
    assert place.json("status")["images"] == 50


def test_each_named_folder_is_judged_by_itself(place: Place, tmp_path: Path) -> None:
    inner, other = place.pictures / "inner", tmp_path / "other"
    prepared(place, 30)
    gone = make_folder(inner, 2, seed=1)
    some = make_folder(other, 4, seed=2)
    index(place, place.pictures, inner, other)
    for path in (*gone, some[0], place.picture(1)):
        path.unlink()
    result = place.call("index", place.pictures, inner, other, "--prune")
    assert result.exit_code == 2
    assert f"would remove all 2 pictures of {inner} " in result.stderr and str(other) not in result.stderr
    assert names(place) & {"000001.jpg", "inner/000001.jpg"} == {"inner/000001.jpg"}
    assert place.json("status")["images"] == 29 + 2 + 3
    assert place.call("index", place.pictures, "--prune").exit_code == 0


def test_pictures_that_have_moved_are_not_lost(place: Place, tmp_path: Path) -> None:
    made = prepared(place, 24)
    (tmp_path / "new").mkdir()
    for path in made[:20]:
        path.rename(tmp_path / "new" / path.name)
    summary = index(place, "--prune", place.pictures, tmp_path / "new")
    assert (summary["moved"], summary["vanished"], summary["kept"]) == (20, 0, [])


def test_the_folder_after_prune_is_no_value_of_it(place: Place) -> None:
    prepared(place, 2)
    assert index(place, "--prune", place.pictures)["found"] == 2
    assert index(place, "--prune=force", place.pictures)["found"] == 2
    result = place.call("index", place.pictures, "--prune=all")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "write --prune or --prune=force" in result.stderr


def test_a_missing_named_folder_costs_nothing(place: Place) -> None:
    prepared(place, 3)
    shutil.rmtree(place.pictures)
    for option in ("--prune", "--prune=force"):
        result = place.call("index", place.pictures, option)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert "no such file or folder" in result.stderr
    assert place.json("status")["images"] == 3


def test_label_files_that_are_read_along_are_not_passed_over(tmp_path: Path, bundle: Path) -> None:
    make_celeba(tmp_path / "faces", 2)
    (tmp_path / "faces" / "notes.txt").write_text("seen")
    (tmp_path / "faces" / "moods.csv").write_text("file,mood\n000001.jpg,glad\n")
    place = Place(tmp_path / "faces", tmp_path / "index", bundle)
    assert index(place)["passed_over"] == {".csv": 1, ".txt": 1}
    with_labels = ("--labels", place.pictures / "moods.csv")
    assert index(place, place.pictures, *with_labels)["passed_over"] == {".txt": 1}
    assert index(place, place.pictures / "img_align_celeba", *with_labels)["passed_over"] == {}


@pytest.fixture
def drive() -> Iterator[Path]:
    """A folder on another drive than temporary files."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
        pytest.skip("/dev/shm is no other drive than temporary files are on")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_a_drive_below_a_named_folder_that_is_not_there_is_not_pruned(place: Place, drive: Path) -> None:
    prepared(place, 30)
    make_folder(drive / "disk", 4, seed=1)
    (place.pictures / "disk").symlink_to(drive / "disk")
    assert index(place)["encoded"] == 4
    (drive / "disk").rename(drive / "away")
    place.picture(1).unlink()
    for gone in (lambda: None, (place.pictures / "disk").unlink, (place.pictures / "disk").mkdir):
        gone()
        result = place.call("index", place.pictures, "--prune")
        assert result.exit_code == 2
        assert f"would remove all 4 pictures of {place.pictures / 'disk'} " in result.stderr
        assert place.json("status")["images"] == 29 + 4
    (place.pictures / "disk").rmdir()
    (place.pictures / "disk").symlink_to(drive / "away")
    (drive / "away" / "000001.jpg").unlink()
    assert index(place, place.pictures, "--prune")["removed"] == 1
    (drive / "away").rename(drive / "gone")
    assert index(place, place.pictures, "--prune=force")["removed"] == 3
    assert index(place, place.pictures, "--prune")["kept"] == []
