import pytest

torch = pytest.importorskip("torch")

from latentsearch.models.dcgan import Discriminator, Generator, InverseGenerator  # noqa: E402


def parameters(layer):
    return sum(parameter.numel() for parameter in layer.parameters())


def test_generator_is_table_3_layer_by_layer():
    shapes, counts, x = [], [], torch.zeros(2, 100)
    for layer in Generator().eval().logits:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    assert shapes == [
        (8192,),
        (512, 4, 4),
        (512, 4, 4),
        (512, 4, 4),
        (256, 8, 8),
        (128, 16, 16),
        (64, 32, 32),
        (3, 64, 64),
    ]
    assert counts == [
        100 * 8192,
        0,
        2 * 512,
        0,
        25 * 512 * 256 + 2 * 256,
        25 * 256 * 128 + 2 * 128,
        25 * 128 * 64 + 2 * 64,
        25 * 64 * 3 + 3,
    ]


@pytest.mark.parametrize(("network", "end"), [(Discriminator().logits, 1), (InverseGenerator().codes, 100)])
def test_discriminator_and_inverse_generator_are_tables_4_and_5(network, end):
    x, shapes, counts = torch.zeros(2, 3, 64, 64), [], []
    for layer in network.eval():
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
        counts.append(parameters(layer))
    assert shapes[:6] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (8192,), (end,)]
    convolutions = [25 * 3 * 64, 25 * 64 * 128, 25 * 128 * 256, 25 * 256 * 512]
    assert counts[:4] == [count + 2 * width for count, width in zip(convolutions, (64, 128, 256, 512), strict=True)]
    assert counts[5] == 8192 * end + end


def test_images_and_codes_keep_to_their_ranges():
    images = Generator(width=4)(torch.rand(8, 100) * 2 - 1)
    codes = InverseGenerator(width=4)(images)
    assert images.shape == (8, 3, 64, 64) and images.min() >= 0 and images.max() <= 1
    assert codes.shape == (8, 100) and codes.abs().max() <= 1
    assert Discriminator(width=4)(images).shape == (8,)
