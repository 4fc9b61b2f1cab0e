"""A catalogue with damaged bytes: every method works or raises one of the project's own errors."""

import shutil
import sqlite3

import numpy as np
import pytest

import latentsearch as ls
from benchmarks.datasets.mutations import mutate
from tests.support import make_folder

MUTATIONS = 200
USES = {
    "search": lambda pictures: pictures.search(1, k=5).to_dicts(),
    "filter": lambda pictures: pictures.search(2, k=5, where=["number>3", "width>=1", "name~*1*"]),
    "codes": lambda pictures: pictures.codes(),
    "labels": lambda pictures: pictures.labels(),
    "failures": lambda pictures: pictures.failures(),
    "status": lambda pictures: pictures.status(),
    "duplicates": lambda pictures: pictures.duplicates(),
    "remove": lambda pictures: pictures.remove(pictures.search(1, k=1)[0].path),
    "add": lambda pictures: pictures.add(pictures.folder.parent.parent / "pictures"),
    "check": lambda pictures: pictures.check(),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    make_folder(folder / "pictures", 60)
    (folder / "pictures" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    names = sorted(path.name for path in (folder / "pictures").glob("*") if path.name != "broken.png")
    lines = "".join(f"{name},{number},{'abc'[number % 3]}\n" for number, name in enumerate(names))
    (folder / "labels.csv").write_text(f"file,number,letter\n{lines}")
    ls.index(folder / "pictures", path=folder / "index", labels=folder / "labels.csv")
    return folder


def problem_of(folder, use):
    """What a use of the index raises beside the project's own errors."""
    try:
        with ls.open(folder) as pictures:
            use(pictures)
    except (ls.LatentsearchError, OSError):
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def test_damage_is_never_a_traceback(sound):
    random = np.random.default_rng(0)
    content, wrong = (sound / "index" / "catalog.sqlite").read_bytes(), []
    for number in range(MUTATIONS):
        (name, use), victim = list(USES.items())[number % len(USES)], sound / str(number) / "index"
        shutil.copytree(sound / "index", victim)
        mutation, damaged = mutate(content, random)
        (victim / "catalog.sqlite").write_bytes(damaged)
        if problem := problem_of(victim, use):
            wrong.append(f"{number}, {mutation}, {name}: {problem}")
        shutil.rmtree(victim.parent)
    assert not wrong


@pytest.mark.parametrize("value", ["", "x", "null", "[]", "{}", "-1", "1e400", "99999999999999999999", '"x"', "true"])
def test_a_damaged_value_of_the_metadata_is_never_a_traceback(sound, value):
    with sqlite3.connect(sound / "index" / "catalog.sqlite") as catalogue:
        keys = [key for (key,) in catalogue.execute("SELECT key FROM meta ORDER BY key")]
    catalogue.close()
    wrong = []
    for number, key in enumerate(keys):
        victim = sound / "meta" / "index"
        shutil.copytree(sound / "index", victim)
        with sqlite3.connect(victim / "catalog.sqlite") as catalogue:
            catalogue.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
        catalogue.close()
        for name in ("search", "status", list(USES)[number % len(USES)]):
            if problem := problem_of(victim, USES[name]):
                wrong.append(f"{key}, {name}: {problem}")
        shutil.rmtree(victim.parent)
    assert not wrong
