"""The geometry of the votes, and what routing makes of them, counted over many random scenes."""
import numpy as np
import pytest

from demos.capsules import boat_or_house as demo
from tests.demos.calls import call, refused, results
from tinycaps.capsules import routing_forward

BOAT, HOUSE, HOUSE_TURNED = 0, 1, 3
TRUTH = [HOUSE, HOUSE, BOAT, BOAT]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def routed(parts, wholes, iterations=8):
    return routing_forward(demo.encode(demo.vote(parts, wholes)), iterations=iterations)


def fraction_correct(coupling):
    return (demo.parse(coupling) == TRUTH).all(axis=1).mean()


def test_a_pose_by_hand():
    # A quarter turn to the left sends (x, y) to (-y, x). A house at (2, 1) turned by it has its
    # wall, 0.6 below its origin, at (2, 1) + (0.6, 0) = (2.6, 1). Back again: the wall votes for a
    # house 0.6 to its left, at (2, 1).
    house = demo.pose(2, 1, 90)
    np.testing.assert_allclose(house, [[0, -1, 2], [1, 0, 1], [0, 0, 1]], atol=1e-15)
    wall = house @ demo.WALL
    np.testing.assert_allclose(wall, [[0, -1, 2.6], [1, 0, 1], [0, 0, 1]], atol=1e-15)
    np.testing.assert_allclose(wall @ np.linalg.inv(demo.WALL), house, atol=1e-15)


def test_an_encoded_vote_by_hand():
    # x = 5 is a quarter of the wavelength 20, y = 10 a half, and the angle is 0:
    # (0, 1) ⊗ (-1, 0) ⊗ (1, 0), times the length 2. The products stand in the order of three binary
    # digits, so the only one left, (1, 0, 0), is number 4.
    vote = demo.encode(demo.pose(5, 10, 0))
    np.testing.assert_allclose(vote, [0, 0, 0, 0, -2, 0, 0, 0], atol=1e-15)


@pytest.mark.parametrize("name, true, wrong", [("boat", BOAT, HOUSE), ("house", HOUSE, BOAT)])
def test_votes_coincide_for_the_true_whole_only(rng, name, true, wrong):
    whole = demo.random_pose(rng, 200)
    triangle, rectangle = np.moveaxis(demo.vote(demo.parts_of(name, whole), 2), 1, 0)
    np.testing.assert_allclose(triangle[:, true], whole, atol=1e-12)
    np.testing.assert_allclose(rectangle[:, true], whole, atol=1e-12)
    relative = np.linalg.inv(triangle[:, wrong]) @ rectangle[:, wrong]
    np.testing.assert_allclose(relative[:, 0, 0], np.cos(np.deg2rad(135)), atol=1e-12)
    assert (np.hypot(relative[:, 0, 2], relative[:, 1, 2]) > 1).all()


def test_votes_have_one_length_and_agree_by_their_differences(rng):
    first, second = demo.random_pose(rng, 100), demo.random_pose(rng, 100)
    u, u_other = demo.encode(first), demo.encode(second)
    np.testing.assert_allclose((u * u).sum(-1), demo.LENGTH ** 2, rtol=1e-12)
    k, delta = 2 * np.pi / demo.WAVELENGTH, first[:, :2, 2] - second[:, :2, 2]
    cos_turn = (first[:, :2, 0] * second[:, :2, 0]).sum(-1)
    expected = demo.LENGTH ** 2 * np.cos(k * delta).prod(-1) * cos_turn
    np.testing.assert_allclose((u * u_other).sum(-1), expected, atol=1e-12)


@pytest.mark.parametrize("name, whole", [("boat", BOAT), ("house", HOUSE)])
def test_a_single_scene_is_parsed_correctly_at_any_pose(rng, name, whole):
    v, cache = routed(demo.parts_of(name, demo.random_pose(rng, 200)), 2)
    assert (demo.parse(cache.coupling[-1]) == whole).all()
    length = np.sqrt((v ** 2).sum(-1))
    assert (length[:, whole] > 0.9).all() and (length[:, 1 - whole] < 0.01).all()


def test_the_house_in_the_middle_is_a_flawless_reading(rng):
    house = demo.random_pose(rng, 50)
    votes = demo.vote(demo.house_and(demo.boat_under(house), house), 4)
    np.testing.assert_allclose(votes[:, 1, HOUSE_TURNED], votes[:, 2, HOUSE_TURNED], atol=1e-12)
    np.testing.assert_allclose(votes[:, 0, HOUSE], votes[:, 1, HOUSE], atol=1e-12)
    np.testing.assert_allclose(votes[:, 2, BOAT], votes[:, 3, BOAT], atol=1e-12)


def test_the_house_in_the_middle_is_explained_away(rng):
    house = demo.random_pose(rng, 1000)
    v, cache = routed(demo.house_and(demo.boat_under(house), house), 4)
    for c in cache.coupling:
        np.testing.assert_allclose(c.sum(axis=-1), 1, rtol=1e-12)
    assert fraction_correct(cache.coupling[-1]) == 1
    assert fraction_correct(cache.coupling[2]) == 0         # three rounds are too few for the wall
    assert (demo.parse(cache.coupling[3])[:, [0, 2, 3]] == [HOUSE, BOAT, BOAT]).all()
    assert (np.sqrt((v[:, HOUSE_TURNED] ** 2).sum(-1)) < 0.1).all()


def test_most_scenes_with_a_house_and_a_boat_anywhere_are_parsed_correctly(rng):
    house, boat = demo.random_pose(rng, 1000), demo.random_pose(rng, 1000)
    _, cache = routed(demo.house_and(boat, house), 4)
    assert fraction_correct(cache.coupling[-1]) > 0.98


def test_bare_numbers_need_long_votes_and_a_large_unit(rng):
    house, boat = demo.random_pose(rng, 1000), demo.random_pose(rng, 1000)
    votes = demo.vote(demo.house_and(boat, house), 4)
    place, direction = votes[..., :2, 2], votes[..., :2, 0]
    place = place - place.mean(axis=(1, 2), keepdims=True)

    def share(length, unit):
        u_hat = length * np.concatenate([place / unit, direction], axis=-1)
        return fraction_correct(routing_forward(u_hat, iterations=8)[1].coupling[-1])

    assert max(share(demo.LENGTH, unit) for unit in (1, 2, 4, 6, 8, 12, 16, 32)) < 0.7
    assert share(4.0, 16) > 0.95


def test_an_undecided_part_belongs_to_no_whole():
    assert demo.parse(np.array([[0.5, 0.5], [0.4, 0.6]])).tolist() == [-1, 1]


def test_the_command_prints_the_tree_and_writes_the_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(demo) == 0
    printed = capsys.readouterr().out
    tree = ["  +-- boat", "  |   +-- triangle 2", "  |   +-- rectangle 2",
            "  +-- house", "  |   +-- triangle 1", "  |   +-- rectangle 1"]
    assert "\n".join(tree) in printed
    last = printed.splitlines()[-1]
    assert last in demo.__doc__
    correct = [int(word.strip(",")) for word in last.split() if word.strip(",").isdigit()][1:4]
    assert results(demo)["error"] == pytest.approx(1 - sum(correct) / 3000, rel=1e-12)
    assert 0 < (tmp_path / "out/boat_or_house/boat_or_house.png").stat().st_size < 250_000


@pytest.mark.parametrize("words, name", [(["--iterations", "0"], "iterations"),
                                         (["--seed", "-1"], "seed"), (["--out", __file__], "out")])
def test_bad_input_gets_one_line_and_code_2(empty, capsys, words, name):
    assert call(demo, *words) == 2
    refused(capsys.readouterr(), name, "wanted")
