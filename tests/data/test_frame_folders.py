from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_trees import write_frames, write_video

from tradeoff.data.decoding import Unreadable, decode, sampled_indices
from tradeoff.data.frame_folders import decode_folder, frame_files


@pytest.mark.parametrize("count", [1, 5, 8, 20])
def test_the_frames_of_a_folder_are_those_sampled(tmp_path: Path, count: int) -> None:
    clip = decode_folder(write_frames(tmp_path / "7", [100 + i for i in range(count)]), (8, 36, 36))
    assert clip.shape == (8, 36, 36, 3)
    assert clip.dtype == np.uint8
    assert clip.min(axis=(1, 2, 3)).tolist() == clip.max(axis=(1, 2, 3)).tolist()
    assert clip[:, 0, 0, 0].tolist() == (100 + sampled_indices(count, 8)).tolist()


def test_frames_are_ordered_by_number_from_wherever_they_start(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    for number in (8, 9, 10, 11):
        Image.new("RGB", (48, 36), (number, number, number)).save(folder / f"{number}.JPG", "jpeg", quality=95)
    (folder / "notes.txt").write_text("not a frame")
    (folder / "thumb.jpg").write_bytes(b"no number")
    assert [path.name for path in frame_files(folder)] == ["8.JPG", "9.JPG", "10.JPG", "11.JPG"]
    assert decode_folder(folder, (4, 36, 36))[:, 0, 0, 0].tolist() == [8, 9, 10, 11]


@pytest.mark.parametrize(("height", "width"), [(36, 36), (50, 131), (131, 50), (20, 21), (300, 400)])
def test_scaling_and_cropping_are_those_of_videos(tmp_path: Path, height: int, width: int) -> None:
    """The same picture as a video that keeps every value, and as a JPEG, which keeps these within a few levels."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1).astype(np.uint8)
    (tmp_path / "7").mkdir()
    Image.fromarray(image).save(tmp_path / "7" / "00001.jpg", quality=100, subsampling=0)
    written = write_images(tmp_path / "a.mkv", image)
    frames = decode_folder(tmp_path / "7", (8, 40, 48)).astype(int)
    assert np.abs(frames - decode(written, (8, 40, 48)).astype(int)).max() <= 4


def write_images(path: Path, image: np.ndarray) -> Path:
    import av

    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def test_frames_are_stood_upright(tmp_path: Path) -> None:
    """Orientation 6: to be turned a quarter clockwise, so that the white left becomes the top."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "7").mkdir()
    Image.fromarray(image).save(tmp_path / "7" / "1.jpg", quality=95, exif=exif)
    clip = decode_folder(tmp_path / "7", (8, 32, 32))
    assert clip[:, :12].min() > 240
    assert clip[:, 20:].max() < 15


def test_grey_pictures_are_rgb(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    Image.new("L", (48, 36), 90).save(tmp_path / "7" / "1.jpg")
    assert set(decode_folder(tmp_path / "7", (8, 36, 36)).flat) == {90}


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    gap, empty, text, cut = (tmp_path / name for name in ("gap", "empty", "text", "cut"))
    for folder in (gap, text, cut):
        write_frames(folder, range(8))
    for number in (3, 5):
        (gap / f"{number:05}.jpg").unlink()
    empty.mkdir()
    (text / "00004.jpg").write_text("this is no picture")
    Image.effect_noise((200, 200), 80).save(cut / "00004.jpg")
    (cut / "00004.jpg").write_bytes((cut / "00004.jpg").read_bytes()[:3000])
    reasons = {}
    for folder in (gap, empty, text, cut, tmp_path / "gone"):
        with pytest.raises(Unreadable) as caught:
            decode_folder(folder, (8, 36, 36))
        reasons[folder.name] = str(caught.value)
    assert reasons["gap"] == "2 of 8 frames missing, the first is 3"
    assert reasons["empty"] == "no frames"
    assert reasons["text"] == "00004.jpg is no picture"
    assert reasons["cut"].startswith("00004.jpg: ")
    assert "No such file" in reasons["gone"]


def test_only_what_is_sampled_is_read(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "7", range(40))
    (folder / "00001.jpg").write_bytes(b"broken, and not sampled")
    assert decode_folder(folder, (4, 36, 36))[:, 0, 0, 0].tolist() == [5, 15, 25, 35]


def test_a_folder_and_a_video_of_the_same_frames_give_the_same_clip(tmp_path: Path) -> None:
    levels = [3 * i for i in range(30)]
    video, folder = write_video(tmp_path / "a.mkv", levels), write_frames(tmp_path / "7", levels)
    assert (decode(video, (8, 36, 48)) == decode_folder(folder, (8, 36, 48))).all()
