"""Training through the command line, on drawn pictures and tiny networks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from indexer.decoding.decode import decode  # noqa: E402
from indexer.encoders.framing import Framing  # noqa: E402
from indexer.errors import TrainingError  # noqa: E402
from latentsearch.cli import main  # noqa: E402
from latentsearch.training.datasets.images import load_images  # noqa: E402
from latentsearch.training.engine.divergence import WON_STEPS, DivergenceWatch  # noqa: E402
from latentsearch.training.engine.precision import Precision  # noqa: E402
from latentsearch.training.families.aegan import Aegan, Recipe  # noqa: E402
from tests.deadly import DEADLY_SIZE, DeadlyFraming  # noqa: E402
from tests.support import draw_picture, make_celeba, make_folder  # noqa: E402

TINY = ["--width", "4", "--batch", "8", "--generator-epochs", "4", "--inverse-epochs", "4", "--threads", "1"]
TINY += ["--change", "annealed=false"]  # a rate that falls depends on the number of epochs
FP32 = ["--precision", "fp32"]  # else each run's is chosen by a measurement


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    make_folder(folder, 48)
    return folder


def arguments(pictures, run, *options):
    return ["train", "aegan", str(pictures), "-o", str(run), *TINY, *options]


def train(pictures, run, *options):
    return CliRunner().invoke(main, arguments(pictures, run, *options))


def train_in_a_process(pictures, run, *options):
    command = [sys.executable, "-m", "latentsearch", *arguments(pictures, run, *options)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    result = train(pictures, run, "--sheet-steps", "20", *FP32)
    assert result.exit_code == 0, result.stderr
    return run


def statistics(run):
    return [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]


def weights(run):
    place = json.loads((run / "checkpoint.json").read_text())
    return load_file(run / place["weights"])


def test_a_run_leaves_statistics_sheets_and_one_checkpoint(finished):
    lines = statistics(finished)
    assert [line["total_step"] for line in lines] == [20, 40]
    assert set(lines[0]) >= {"discriminator_loss", "generator_loss"}
    assert set(lines[1]) >= {"reconstruction_loss"}
    sheets = sorted(path.name for path in (finished / "sheets").iterdir())
    assert sheets == [f"{name}-00000{step}.png" for name in ("reconstructions", "samples") for step in (20, 40)]
    assert len(list(finished.glob("checkpoint-*.safetensors"))) == 1
    assert not list(finished.glob("*.part"))


@pytest.mark.parametrize(
    ("after_steps", "number"), [(3, signal.SIGKILL), (30, signal.SIGKILL), (8, signal.SIGINT), (35, signal.SIGTERM)]
)
def test_a_killed_run_goes_on_to_bitwise_the_same_end(pictures, finished, tmp_path, after_steps, number):
    run = tmp_path / "killed"
    process = train_in_a_process(pictures, run, "--checkpoint-seconds", "0", *FP32)
    while not (run / "checkpoint.json").exists() or total_step(run) < after_steps:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate()
    resumed = train(pictures, run, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert statistics(run) == statistics(finished)
    ours, theirs = weights(run), weights(finished)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def total_step(run):
    return json.loads((run / "checkpoint.json").read_text())["total_step"]


def test_ctrl_c_saves_a_checkpoint_first(pictures, tmp_path):
    run = tmp_path / "interrupted"
    options = ("--generator-epochs", "1000", "--sheet-steps", "1")
    process = train_in_a_process(pictures, run, *options)
    while not list(run.glob("sheets/samples-*.png")):
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert total_step(run) >= 1


def test_the_same_seed_gives_the_same_run_and_another_does_not(pictures, finished, tmp_path):
    assert train(pictures, tmp_path / "other", "--seed", "1").exit_code == 0
    assert statistics(tmp_path / "other") != statistics(finished)


def test_a_finished_run_can_be_given_more_epochs(pictures, finished, tmp_path):
    run = tmp_path / "short"
    assert train(pictures, run, "--inverse-epochs", "1", *FP32).exit_code == 0
    assert train(pictures, run, "--resume").exit_code == 0
    assert statistics(run) == statistics(finished)


def test_other_settings_are_not_resumed(pictures, finished):
    result = train(pictures, finished, "--resume", "--seed", "7")
    assert result.exit_code == 2 and "other settings" in result.stderr


def test_a_run_is_not_overwritten(pictures, finished):
    result = train(pictures, finished)
    assert result.exit_code == 2 and "--resume" in result.stderr


@pytest.mark.parametrize(("count", "sentence"), [(0, "no pictures"), (3, "fewer than a batch")])
def test_too_few_pictures_is_one_sentence_and_leaves_nothing(tmp_path, count, sentence):
    make_folder(tmp_path / "pictures", count)
    (tmp_path / "pictures").mkdir(exist_ok=True)
    result = train(tmp_path / "pictures", tmp_path / "run")
    assert result.exit_code == 2 and sentence in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_missing_folder_is_one_sentence(tmp_path):
    result = train(tmp_path / "nowhere", tmp_path / "run")
    assert result.exit_code == 2 and "is not a folder" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture
def full_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True)
    if made.returncode:
        pytest.skip("a small disk can only be mounted as root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("room", [0, 640])
def test_a_full_disk_is_one_sentence_and_nothing_is_half_written(pictures, full_disk, room):
    (full_disk / "filler").write_bytes(bytes(1024 * (1000 - room)))
    result = train(pictures, full_disk / "run")
    assert result.exit_code == 2 and "full" in result.stderr and result.stderr.count("\n") <= 2
    assert not list(full_disk.glob("run/*.part"))


def test_a_picture_that_crashes_its_decoder_is_left_out_and_named(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "pictures")
    deadly = tmp_path / "pictures" / "000010a.png"
    draw_picture(1, DEADLY_SIZE).save(deadly)
    (tmp_path / "run").mkdir()
    images = load_images(tmp_path / "pictures", tmp_path / "run", DeadlyFraming(64, 64))
    assert images.describe_for_people().endswith("48 pictures, 1 left out as unreadable (named in images.json)")
    [[path, reason]] = json.loads((tmp_path / "run/images.json").read_text())["unreadable"]
    assert (path, reason) == (str(deadly), "the process that decoded it died (SIGKILL)")
    for row, path in enumerate(sorted(pictures.iterdir())):
        assert (images.pixels[row] == decode(path, Framing(64, 64))).all()


def test_unreadable_pictures_are_left_out_and_named(pictures, tmp_path):
    folder = tmp_path / "pictures"
    make_folder(folder, 16)
    (folder / "broken.jpg").write_bytes(b"not a picture")
    result = train(folder, tmp_path / "run", "--generator-epochs", "1", "--inverse-epochs", "0")
    assert result.exit_code == 0 and "1 left out as unreadable" in result.stderr
    [[path, reason]] = json.loads((tmp_path / "run/images.json").read_text())["unreadable"]
    assert path.endswith("broken.jpg") and reason


def test_the_validation_partition_is_held_out(tmp_path):
    make_celeba(tmp_path / "celeba", 48)
    result = train(tmp_path / "celeba", tmp_path / "run", "--generator-epochs", "1", "--inverse-epochs", "0")
    assert result.exit_code == 0
    assert "training on 16 pictures, 16 held out" in result.stderr


@pytest.fixture
def aegan():
    family = Aegan(Recipe(width=4, batch=4), Precision.choose("cpu", "fp32"))
    family.recalibrate()  # else an untrained generator hardly tells codes apart
    return family


@pytest.mark.parametrize(
    ("step", "moved"),
    [("generator_step", {"generator", "discriminator", "generator_average"}), ("inverse_step", {"inverse_generator"})],
)
def test_a_step_moves_every_network_that_it_should_and_no_other(aegan, step, moved):
    networks = {**aegan.networks, "generator_average": aegan.ema.network}
    before = {name: {k: v.clone() for k, v in network.state_dict().items()} for name, network in networks.items()}
    losses = getattr(aegan, step)(torch.rand(4, 3, 64, 64))
    assert all(torch.isfinite(loss) for loss in losses.values())
    for name, network in networks.items():
        parameters = [key for key, _ in network.named_parameters()]
        changed = [not torch.equal(before[name][key], network.state_dict()[key]) for key in parameters]
        assert all(changed) if name in moved else not any(changed), name


def test_the_average_does_not_hold_the_initial_weights_after_a_short_run(aegan):
    initial = aegan.ema.network.logits[0].weight.clone()
    for _ in range(10):
        aegan.generator_step(torch.rand(4, 3, 64, 64))
    now = aegan.generator_network.logits[0].weight
    assert (aegan.ema.network.logits[0].weight - now).norm() < 0.5 * (initial - now).norm()


def test_divergence_is_noticed(aegan):
    for parameter in aegan.generator_network.parameters():
        parameter.data.fill_(float("nan"))
    losses = {name: loss.item() for name, loss in aegan.generator_step(torch.rand(4, 3, 64, 64)).items()}
    with pytest.raises(TrainingError, match="diverged"):
        DivergenceWatch().losses(1, losses)


def test_a_discriminator_that_has_won_is_noticed():
    watch = DivergenceWatch()
    with pytest.raises(TrainingError, match="collapsed"):
        for step in range(WON_STEPS + 1):
            watch.losses(step, {"discriminator_loss": 0.0})


def test_samples_without_variance_are_noticed():
    with pytest.raises(TrainingError, match="look alike"):
        DivergenceWatch().samples(1000, torch.full((8, 3, 64, 64), 0.4))
    DivergenceWatch().samples(1000, torch.rand(8, 3, 64, 64))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is present")
def test_a_run_on_a_gpu(pictures, tmp_path):
    assert train(pictures, tmp_path / "run", "--device", "cuda").exit_code == 0


def test_bf16_with_channels_last_trains_too(pictures, tmp_path):
    result = train(pictures, tmp_path / "run", "--precision", "bf16", "--device", "cpu")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_a_run_goes_on_in_the_precision_that_it_began_with(pictures, tmp_path, precision):
    begun = train(pictures, tmp_path / "run", "--precision", precision, "--device", "cpu", "--inverse-epochs", "0")
    before = json.loads((tmp_path / "run/run.json").read_text())["precision"]
    resumed = train(pictures, tmp_path / "run", "--device", "cpu", "--resume")
    assert (begun.exit_code, resumed.exit_code) == (0, 0), resumed.stderr
    assert json.loads((tmp_path / "run/run.json").read_text())["precision"] == before


def test_asking_for_a_device_that_is_not_there_is_one_sentence(pictures, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("a CUDA device is present")
    result = train(pictures, tmp_path / "run", "--device", "cuda")
    assert result.exit_code == 2 and "no CUDA device" in result.stderr
    assert not os.path.exists(tmp_path / "run")


def test_any_field_of_a_recipe_can_be_changed(pictures, tmp_path):
    changes = ("--change", "learning_rate=0.001", "--change", "batch=6")
    assert (
        train(pictures, tmp_path / "run", *changes, "--generator-epochs", "1", "--inverse-epochs", "0").exit_code == 0
    )
    recipe = json.loads((tmp_path / "run/run.json").read_text())["recipe"]
    assert (recipe["learning_rate"], recipe["batch"], recipe["width"]) == (0.001, 6, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("learning_rat=1", "the recipe has no 'learning_rat' to set: choose from batch, seed"),
        ("batch", "batch needs a value of type int, such as 8, not ''"),
        ("batch=0", "batch=0 is too small: the recipe has 8"),
        ("batch=many", "batch needs a value of type int, such as 8, not 'many'"),
    ],
)
def test_a_change_that_the_recipe_does_not_take_is_refused_before_anything_is_made(pictures, tmp_path, change, said):
    result = train(pictures, tmp_path / "run", "--change", change)
    assert result.exit_code == 2 and said in result.stderr
    assert not (tmp_path / "run").exists()
