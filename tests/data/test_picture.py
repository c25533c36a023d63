import numpy as np
import pytest

from tests.data.photograph import drawing, frame, photograph
from tests.data.png import GREY, RGB, RGBA, png
from tinycaps.capsules import load_capsnet, predict
from tinycaps.data import ink_margin, load_digits, load_image

RNG = np.random.default_rng(0)
STROKE = np.pad(RNG.integers(100, 256, (4, 4), np.uint8), 2)  # light on dark, 8x8


def peak(image):
    """The image with its brightest pixel at 1."""
    return image / image.max()


def test_grey_image_of_the_right_size_keeps_its_proportions_of_brightness(write):
    image = load_image(write("a.png", png(STROKE, GREY)), (8, 8, 1), margin=2)
    assert image.shape == (8, 8, 1) and image.dtype == np.float32
    np.testing.assert_allclose(image[..., 0], peak(STROKE), rtol=1e-6)


def test_dark_on_light_is_inverted(write):
    light, dark = (load_image(write("a.png", png(pixels, GREY)), (8, 8, 1))
                   for pixels in (STROKE, 255 - STROKE))
    np.testing.assert_allclose(dark, light, atol=1e-6)


def test_transparent_is_black_and_half_transparent_is_half_as_bright(write):
    white = np.full((8, 8, 3), 255, np.uint8)
    image = load_image(write("a.png", png(np.dstack([white, STROKE]), RGBA)), (8, 8, 1), margin=2)
    np.testing.assert_allclose(image[..., 0], peak(STROKE), rtol=1e-6)


def test_colours_become_luma(write):
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[4, [3, 4, 5], [0, 1, 2]] = 100, 150, 200
    image = load_image(write("a.png", png(pixels, RGB)), (1, 3, 1))
    grey = np.array([100 * 0.299, 150 * 0.587, 200 * 0.114])
    np.testing.assert_allclose(image.ravel(), peak(grey), rtol=1e-6)


def test_colours_stay_and_grey_is_repeated_for_three_channels(write):
    pixels = np.pad(RNG.integers(0, 256, (4, 4, 3), np.uint8), [(2, 2), (2, 2), (0, 0)])
    image = load_image(write("a.png", png(pixels, RGB)), (8, 8, 3), margin=2)
    np.testing.assert_allclose(image, peak(pixels), rtol=1e-6)
    path = write("b.png", png(STROKE, GREY))
    assert np.array_equal(load_image(path, (8, 8, 3)),
                          np.repeat(load_image(path, (8, 8, 1)), 3, axis=2))


def test_the_box_is_found_and_scaled_whatever_surrounds_it(write):
    wide = np.zeros((30, 50))
    wide[20:28, 3:11] = np.kron(STROKE[2:-2, 2:-2], np.ones((2, 2)))
    for pixels in wide, 255 - wide, np.rot90(np.rot90(wide, -1)):
        image = load_image(write("a.png", png(pixels, GREY)), (8, 8, 1), margin=2)
        np.testing.assert_allclose(image[..., 0], peak(STROKE), atol=1e-6)


def test_halving_averages_blocks_of_four(write):
    image = load_image(write("a.png", png(STROKE, GREY)), (2, 2, 1))
    means = STROKE[2:-2, 2:-2].reshape(2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(image[..., 0], peak(means), rtol=1e-6)


def test_two_thirds_by_hand(write):
    # Three pixels onto two: the middle one is shared, (1 * 30 + 0.5 * 60) / 1.5 = 40 and
    # (0.5 * 60 + 1 * 90) / 1.5 = 80.
    image = load_image(write("a.png", png(np.array([[30, 60, 90]] * 3), GREY)), (2, 2, 1))
    np.testing.assert_allclose(image[..., 0], [[0.5, 1]] * 2, rtol=1e-6)


def test_proportions_are_kept_and_the_shorter_side_is_centred_by_hand(write):
    # 4 high and 2 wide, scaled by 6/4 to 6 by 3: of the 8 columns, 2.5 stay free on either side.
    pixels = np.pad(np.full((4, 2), 200), [(1, 9), (7, 0)])
    image = load_image(write("a.png", png(pixels, GREY)), (8, 8, 1), margin=1)
    row = np.array([0, 0, 100, 200, 200, 100, 0, 0])
    want = np.outer([0, 1, 1, 1, 1, 1, 1, 0], row)
    np.testing.assert_allclose(200 * image[..., 0], want, atol=1e-4)


@pytest.mark.parametrize("h, w, margin", [
    (4, 4, 0), (2, 8, 0), (3, 5, 0), (1, 1, 0), (11, 8, 0), (4, 4, 1), (3, 5, 1), (11, 8, 3)])
def test_scaling_multiplies_the_sum_and_keeps_the_margin(write, h, w, margin):
    even = np.pad(np.full((4, 4), 150), 2)              # all of the ink is equally bright
    image = load_image(write("a.png", png(even, GREY)), (h, w, 1), margin)
    np.testing.assert_allclose(image.sum(), (min(h, w) - 2 * margin) ** 2, rtol=1e-5)
    assert not margin or image.sum() == pytest.approx(image[margin:-margin, margin:-margin].sum())


def test_what_is_fainter_than_a_fifth_of_the_brightest_is_no_ink(write):
    pixels = np.zeros((9, 9))
    pixels[2:4, 2:4] = 200
    for speck, box in (40, 2), (41, 4):
        pixels[5, 5] = speck
        image = load_image(write("a.png", png(pixels, GREY)), (box, box, 1))
        np.testing.assert_allclose(200 * image[..., 0], pixels[2:2 + box, 2:2 + box], rtol=1e-6)


def test_the_brightest_channel_decides_what_is_ink(write):
    pixels = np.zeros((6, 6, 3))
    pixels[1, 1, 0] = pixels[4, 4, 2] = 255
    image = load_image(write("a.png", png(pixels, RGB)), (4, 4, 3))
    np.testing.assert_allclose(image, pixels[1:5, 1:5] / 255, rtol=1e-6)


@pytest.mark.parametrize("pixels, kind", [
    (np.full((8, 8), 255), GREY), (np.zeros((8, 8)), GREY), (np.full((8, 8, 3), (255, 0, 0)), RGB),
    (np.dstack([RNG.integers(0, 256, (8, 8, 3)), np.zeros((8, 8))]), RGBA)],
    ids=["white", "black", "red", "nothing"])
def test_an_image_of_nothing_is_refused(write, pixels, kind):
    for channels in 1, 3:
        with pytest.raises(ValueError, match=r"a\.png: got one flat colour"):
            load_image(write("a.png", png(pixels, kind)), (8, 8, channels))


PHOTOGRAPHS = {
    "uneven light": lambda ink: photograph(ink, 0.5, 0.95),
    "dim and noisy": lambda ink: photograph(ink, 0.25, 0.6, noise=0.03),
    "a dark frame": lambda ink: frame(photograph(ink, 0.9, 0.9)),
    "uneven light in a dark frame": lambda ink: frame(photograph(ink, 0.5, 0.95)),
    "chalk": lambda ink: photograph(ink, 0.1, 0.35, ink_is=0.9),
}


@pytest.mark.parametrize("taken", PHOTOGRAPHS.values(), ids=PHOTOGRAPHS)
def test_photographs_are_read_as_the_drawings_are(write, taken):
    params, config, about = load_capsnet()
    said, digits = [], load_digits()
    clean, found = [], []
    for image in digits.test_images[:6, ..., 0]:
        ink = drawing(image)
        for into, pixels in (clean, 1 - ink), (found, taken(ink)):
            content = png(np.rint(255 * pixels.clip(0, 1)), GREY)
            into.append(load_image(write("a.png", content), config.image_shape, about["margin"],
                                   said.append))
    answers = predict(params, np.stack(clean), config)
    assert (answers == digits.test_labels[:6]).sum() >= 5
    assert np.array_equal(predict(params, np.stack(found), config), answers)
    np.testing.assert_allclose(found, clean, atol=0.25)
    assert len(said) >= 6 and all("/a.png: got " in line for line in said)


def test_what_was_done_to_a_photograph_is_said(write, capsys):
    ink = drawing(load_digits().test_images[0, ..., 0])
    three = np.hstack([ink, ink, ink])
    for pixels, lines in [
            (1 - ink, []), (ink, []),
            (frame(1 - ink), ["got a frame, which was left out"]),
            (np.pad(1 - ink, ((0, 0), (20, 0))), ["got a frame, which was left out"]),
            (photograph(ink, 0.8, 0.9) * np.where(sum(np.mgrid[:160, :160]) < 150, 0.6, 1),
             ["got paper of uneven brightness, which was subtracted, and ink that reaches its "
              "edge: maybe a shadow"]),
            (photograph(ink, 0.4, 0.9), ["got paper of uneven brightness, which was subtracted"]),
            (1 - three, ["got 3 drawings side by side, which are read as one"]),
            (1 - np.hstack([ink, np.pad(ink[20:60, 20:60], ((60, 60), (10, 0)))]), [])]:
        path = write("a.png", png(np.rint(255 * pixels.clip(0, 1)), GREY))
        load_image(path, (8, 8, 1))
        assert capsys.readouterr().out == "".join(f"{path}: {line}\n" for line in lines)


def test_ink_that_fills_a_side_is_a_frame_only_if_there_is_other_ink(write):
    pixels = np.zeros((40, 40))
    pixels[:8] = pixels[:, 20:28] = 200                 # a T
    whole = load_image(write("a.png", png(pixels, GREY)), (8, 8, 1))
    assert whole[0].min() > 0.9
    pixels[8:14] = 0                                    # what is left of it, a bar below a strip
    cut = load_image(write("a.png", png(pixels, GREY)), (8, 8, 1))
    assert np.ptp(cut.sum(axis=1)) < 0.1


def test_a_photograph_of_nothing_is_refused(write):
    paper = photograph(np.zeros((200, 150)), 0.5, 0.9)
    with pytest.raises(ValueError, match=r"a\.png: got nothing but paper, wanted ink .* 8% of "):
        load_image(write("a.png", png(np.rint(255 * paper), GREY)), (8, 8, 1))


def test_specks_are_no_ink_but_small_pieces_are(write):
    pixels = np.zeros((60, 60))
    pixels[10:30, 10:30] = 200
    alone = load_image(write("a.png", png(pixels, GREY)), (8, 8, 1))
    pixels[50, 50:55] = 200                             # 5 of 400 pixels, below 2 %
    assert np.array_equal(load_image(write("a.png", png(pixels, GREY)), (8, 8, 1)), alone)
    pixels[51, 50:55] = 200
    assert not np.array_equal(load_image(write("a.png", png(pixels, GREY)), (8, 8, 1)), alone)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (0, 8, 1)])
def test_wrong_shape(write, shape):
    with pytest.raises(ValueError, match=r"shape: got .*, wanted \(h, w, 1\) or \(h, w, 3\)"):
        load_image(write("a.png", png(STROKE, GREY)), shape)


def test_missing_image(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png: got no such file, wanted a PNG or"):
        load_image(tmp_path / "none.png", (8, 8, 1))


@pytest.mark.parametrize("shape, margin, most", [
    ((8, 8, 1), 4, 3), ((8, 5, 1), 3, 2), ((8, 8, 1), -1, 3)])
def test_wrong_margin(write, shape, margin, most):
    with pytest.raises(ValueError, match=rf"margin: got {margin}, wanted 0\.\.{most} in an image "
                                         rf"of 8x{shape[1]}"):
        load_image(write("a.png", png(STROKE, GREY)), shape, margin)


def test_ink_margin_of_the_embedded_digits():
    assert ink_margin(load_digits().train_images) == 0


def test_ink_margin_does_not_mind_where_the_ink_lies():
    images = np.zeros((5, 28, 28, 3))
    # Boxes of MNIST's size; the last two images hold nothing.
    for image, (top, left) in zip(images, [(0, 0), (8, 8), (3, 5)]):
        image[top:top + 20, left:left + 13, 1] = 0.7
    assert ink_margin(images) == 4


@pytest.mark.parametrize("heights, margin", [
    ((8,), 0), ((7,), 0), ((4, 5), 1), ((2, 8, 3), 2), ((), 0)])
def test_ink_margin_is_the_median_rounded_down(heights, margin):
    # One side free of 1 pixel gives 1/2, of 3 and 4 pixels 3/2 and 2, whose median is 1.75, of 0, 5
    # and 6 pixels 5/2.
    images = np.zeros((len(heights), 8, 8, 1))
    for image, height in zip(images, heights):
        image[8 - height:, 3] = 1
    assert ink_margin(images) == margin


def test_a_drawing_gets_the_margin_of_the_training_images(write):
    image = load_image(write("a.png", png(STROKE, GREY)), (28, 28, 1), margin=4)
    assert ink_margin(image[None]) == 4


def test_ink_margin_wants_four_axes():
    with pytest.raises(ValueError, match=r"images: got shape \(8, 8, 1\), wanted \(n, h, w, c\)"):
        ink_margin(np.zeros((8, 8, 1)))
