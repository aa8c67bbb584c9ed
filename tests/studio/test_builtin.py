"""The collections that come with Studio, and the small renderer behind one of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from handlens.errors import CollectionError
from handlens.studio.builtin import BUILTIN, truth, vehicles, write_builtin
from handlens.studio.builtin.fleet import KINDS
from handlens.studio.builtin.painter import SIZE, Camera, Scene, View, draw
from handlens.studio.builtin.solids import Prism, Split, back_to_front

CUBE = np.array([(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (0.0, 2.0)])


def camera_at(azimuth: float) -> Camera:
    return Camera(View(azimuth=azimuth, elevation=10, distance=3, fill=0.5, shift=(0, 0)), CUBE)


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_builtin("digits", folder)
    return folder


class TestTheList:
    @pytest.mark.parametrize("builtin", BUILTIN, ids=lambda builtin: builtin.name)
    def test_says_how_many_pictures_there_are(self, builtin):
        assert len(truth(builtin.name)) == builtin.count

    def test_an_unknown_name_is_answered_with_the_known_ones(self, tmp_path):
        with pytest.raises(CollectionError, match="must be one of vehicles, digits; got 'boats'"):
            write_builtin("boats", tmp_path / "boats")
        assert not (tmp_path / "boats").exists()
        with pytest.raises(CollectionError, match="boats"):
            truth("boats")

    @pytest.mark.parametrize("name", ["vehicles", "digits"])
    def test_the_order_depends_on_the_seed_alone(self, name):
        assert truth(name, seed=3) == truth(name, seed=3)
        assert truth(name, seed=3) != truth(name, seed=4)
        assert Counter(truth(name, seed=3)) == Counter(truth(name, seed=4))


class TestDigits:
    def test_are_scikit_learns_1797(self, digits_folder):
        names = sorted(path.name for path in digits_folder.iterdir())
        assert names[0] == "digit_0001.png"
        assert names[-1] == "digit_1797.png"
        assert len(names) == 1797
        expected = Counter(str(digit) for digit in load_digits().target)
        assert Counter(truth("digits")) == expected

    def test_each_picture_is_the_digit_that_truth_says(self, digits_folder):
        data = load_digits()
        known = {image.tobytes(): str(digit) for image, digit in zip(data.images, data.target, strict=True)}
        for number, label in list(enumerate(truth("digits"), start=1))[:200]:
            picture = Image.open(digits_folder / f"digit_{number:04d}.png")
            assert picture.size == (64, 64)
            # Averaging each 8×8 block undoes the enlargement, but for some smoothing.
            blocks = np.asarray(picture, dtype=float).reshape(8, 8, 8, 8).mean(axis=(1, 3))
            ink = (255 - blocks) * (16 / 255)
            nearest = data.images[np.abs(data.images - ink).sum(axis=(1, 2)).argmin()]
            assert known[nearest.tobytes()] == label


class TestVehicles:
    def test_there_are_150_of_each_angle(self):
        assert Counter(truth("vehicles")) == dict.fromkeys(vehicles.ANGLES, 150)

    def test_the_same_seed_writes_the_same_bytes_and_another_does_not(self, tmp_path, monkeypatch):
        monkeypatch.setattr(vehicles, "COUNT", 8)
        for folder, seed in (("one", 0), ("again", 0), ("other", 1)):
            names = write_builtin("vehicles", tmp_path / folder, seed=seed)
        assert names == [f"vehicle_000{i}.png" for i in range(1, 9)]
        for name in names:
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
            assert (tmp_path / "one" / name).read_bytes() != (tmp_path / "other" / name).read_bytes()

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_stands_in_the_picture_whole_and_is_seen(self, kind):
        random = np.random.default_rng(5)
        vehicle = KINDS[kind][1](random)
        for azimuth in range(0, 360, 45):
            view, scene = View.of(azimuth, random), Scene.of(random)
            picture = draw(vehicle, view, scene, np.random.default_rng(1))
            assert picture.mode == "RGB"
            assert picture.size == SIZE
            assert np.asarray(picture).std() > 10

    def test_how_often_each_kind_comes_adds_up_to_one(self):
        assert sum(share for share, _ in KINDS.values()) == pytest.approx(1)


class TestCamera:
    def test_stands_before_the_front_at_0_and_at_the_right_side_at_90(self):
        # The front is +x and the vehicle's right is -y.
        front, right = camera_at(0).eye, camera_at(90).eye
        assert front[0] > 1
        assert front[1] == pytest.approx(0, abs=1e-9)
        assert right[1] < -1
        assert right[0] == pytest.approx(0, abs=1e-9)

    def test_from_the_right_side_the_front_is_on_the_right_and_up_is_up(self):
        nose, tail, roof, floor = camera_at(90)(np.array([[1.0, 0, 1], [-1.0, 0, 1], [0, 0, 2.0], [0, 0, 0.0]]))
        assert nose[0] > tail[0]
        assert roof[1] < floor[1]

    def test_from_the_front_the_vehicles_right_is_on_the_left(self):
        right, left = camera_at(0)(np.array([[0, -1.0, 1], [0, 1.0, 1]]))
        assert right[0] < left[0]

    def test_frames_the_corners_as_asked(self):
        box = camera_at(37)(CUBE)
        width, height = np.ptp(box, axis=0) / (np.array(SIZE) * 3)
        assert max(width, height) == pytest.approx(0.5)
        centre = (box.min(axis=0) + box.max(axis=0)) / 2
        assert centre == pytest.approx(np.array(SIZE) * 1.5)

    def test_far_away_ground_meets_the_horizon(self):
        camera = camera_at(0)
        assert camera(np.array([[-1e7, 0.0, 0.0]]))[0, 1] == pytest.approx(camera.horizon, abs=0.01)


class TestSolids:
    def box(self, start: float, end: float) -> Prism:
        corners = [(start, 0.0), (start, 1.0), (end, 1.0), (end, 0.0)]
        return Prism(corners, bottom=2, top=1, colour=(1, 0, 0))

    def test_faces_look_outward_whatever_the_order_of_the_corners(self):
        for corners in (
            [(0.0, 0.0), (0.0, 1.0), (2.0, 1.0), (2.0, 0.0)],
            [(2.0, 0.0), (2.0, 1.0), (0.0, 1.0), (0.0, 0.0)],
        ):
            prism = Prism(corners, bottom=2, top=2, colour=(1, 0, 0))
            middle = np.array([1, 0, 0.5])
            for face in prism.faces:
                assert np.linalg.norm(face.normal) == pytest.approx(1)
                assert face.normal @ (face.points.mean(axis=0) - middle) > 0

    def test_the_width_goes_from_bottom_to_top(self):
        box = self.box(0, 1)
        assert [box.half_width(z) for z in (0, 0.5, 1)] == [1, 0.75, 0.5]
        assert box.on_side([(0.5, 0.5)], -1).tolist() == [[0.5, -0.75, 0.5]]
        assert box.on_rim(1, [(1, 0.25)]).tolist() == [[0.25, 0.5, 1.0]]

    def test_the_solid_on_the_cameras_side_is_painted_last(self):
        rear, front = self.box(-2, -1), self.box(1, 2)
        both = Split(0, 0.0, rear, front)
        assert back_to_front(both, np.array([9.0, 0, 1])) == [rear, front]
        assert back_to_front(both, np.array([-9.0, 0, 1])) == [front, rear]
