import io
import subprocess
import sys
import threading

import pytest
from PIL import Image

from modules.citizen import photo_worker
from modules.citizen.photo import PHOTO_BYTES, WORKER, Darkroom, PhotoFault, PhotoRefused
from tests.modules.citizen import pictures


@pytest.fixture(scope="module")
def darkroom():
    return Darkroom(timeout_s=90)


def open_clean(raw):
    image = Image.open(io.BytesIO(raw))
    image.load()
    return image


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
def test_three_formats_become_jpeg(darkroom, fmt):
    photo = darkroom.develop(pictures.picture(fmt=fmt))
    assert open_clean(photo.jpeg).format == "JPEG"
    assert (photo.width, photo.height) == (640, 480)
    assert len(photo.thumbnail) <= photo_worker.THUMBNAIL_BYTES


def test_place_camera_comment_and_profile_are_gone_and_it_stands_upright(darkroom):
    raw = pictures.with_gps()
    assert b"MAYANH-CANARY" in raw
    assert Image.open(io.BytesIO(raw)).getexif().get_ifd(0x8825)
    photo = darkroom.develop(raw)
    for copy in (photo.jpeg, photo.thumbnail):
        image = open_clean(copy)
        assert not image.getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & set(image.info)
        for canary in (b"CANARY", b"Exif", b"GPS", b"ICC"):
            assert canary not in copy
    assert (photo.width, photo.height) == (320, 640)


def test_a_noisy_picture_still_has_a_small_thumbnail(darkroom):
    photo = darkroom.develop(pictures.noise((2600, 2000)))
    assert max(photo.width, photo.height) == photo_worker.PHOTO_SIDE
    assert len(photo.thumbnail) <= photo_worker.THUMBNAIL_BYTES


def test_what_stands_behind_the_picture_is_left_behind(darkroom):
    polyglot = pictures.picture() + b"<script>alert('POLYGLOT')</script>PK\x03\x04"
    photo = darkroom.develop(polyglot)
    assert b"POLYGLOT" not in photo.jpeg + photo.thumbnail
    assert b"PK\x03\x04" not in photo.jpeg


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16", "CMYK"])
def test_every_kind_of_pixel(darkroom, mode):
    fmt = "JPEG" if mode == "CMYK" else "PNG"
    photo = darkroom.develop(pictures.picture((60, 40), mode=mode, fmt=fmt))
    assert open_clean(photo.jpeg).mode == "RGB"


def test_transparent_is_white(darkroom):
    photo = darkroom.develop(pictures.picture((60, 40), mode="RGBA", fmt="PNG", colour=(0, 0, 0, 0)))
    assert open_clean(photo.jpeg).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("name", pictures.not_pictures())
def test_what_is_no_picture_never_reaches_the_decoder(name):
    class Closed(Darkroom):
        def _run(self, raw):
            raise AssertionError("decoder started")

    with pytest.raises(PhotoRefused) as refused:
        Closed().develop(pictures.not_pictures()[name])
    assert refused.value.fault is PhotoFault.NOT_A_PICTURE


@pytest.mark.parametrize("name", pictures.broken_pictures())
def test_a_broken_picture_is_refused(darkroom, name):
    with pytest.raises(PhotoRefused) as refused:
        darkroom.develop(pictures.broken_pictures()[name])
    assert refused.value.fault is PhotoFault.UNREADABLE


@pytest.mark.parametrize("name", pictures.bombs())
def test_too_many_pixels_are_refused_before_decoding(name, monkeypatch):
    raw = pictures.bombs()[name]
    monkeypatch.setattr(photo_worker, "_clean", lambda _: pytest.fail("decoded"))
    with pytest.raises(photo_worker.Refused, match="too_many_pixels"):
        photo_worker.develop(raw)
    monkeypatch.undo()
    with pytest.raises(PhotoRefused) as refused:
        Darkroom(timeout_s=90).develop(raw)
    assert refused.value.fault is PhotoFault.TOO_MANY_PIXELS


def test_a_file_over_the_limit_is_refused_without_a_process(darkroom):
    with pytest.raises(PhotoRefused) as refused:
        darkroom.develop(b"\xff\xd8\xff" + bytes(PHOTO_BYTES))
    assert refused.value.fault is PhotoFault.TOO_LARGE


def test_the_largest_pictures_taken_fit_into_the_memory_given(darkroom):
    plain = pictures.picture((6000, 6000), mode="RGBA", fmt="PNG", colour=(1, 2, 3, 200), compress_level=1)
    progressive = pictures.picture((8000, 6200), progressive=True, subsampling=0)
    webp = pictures.picture((5000, 4000), mode="RGBA", fmt="WEBP", quality=1, method=0, colour=(1, 2, 3, 200))
    for raw in (plain, progressive, webp):
        assert max(open_clean(darkroom.develop(raw).jpeg).size) == photo_worker.PHOTO_SIDE


def test_the_worker_limits_itself():
    check = (
        f"import runpy, resource; w = runpy.run_path({str(WORKER)!r}); w['bound_this_process']();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0]);"
        "\ntry:\n bytearray(w['MEMORY_BYTES'])\nexcept MemoryError: print('bounded')"
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.split()
    assert said == [str(photo_worker.MEMORY_BYTES), "0", "bounded"]


def test_a_worker_that_does_not_answer_is_ended():
    class Stuck(Darkroom):
        pass

    with pytest.raises(PhotoRefused) as refused:
        Stuck(timeout_s=0.001).develop(pictures.picture())
    assert refused.value.fault is PhotoFault.TOO_SLOW


def test_no_more_than_the_places_at_once():
    free, inside = threading.Event(), threading.Event()

    class Slow(Darkroom):
        def _run(self, raw):
            inside.set()
            free.wait(20)
            return super()._run(raw)

    room = Slow(places=1, wait_s=0.01)
    first = threading.Thread(target=room.develop, args=(pictures.picture(),))
    first.start()
    assert inside.wait(20)
    with pytest.raises(PhotoRefused) as refused:
        room.develop(pictures.picture())
    free.set()
    first.join(20)
    assert refused.value.fault is PhotoFault.BUSY
