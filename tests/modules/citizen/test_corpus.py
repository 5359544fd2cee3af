"""Forty uploads that mean no good: refused in words, or kept as a fresh copy; never more memory than was given."""

import io
import resource

import pytest
from PIL import Image

from modules.citizen.plain_jpeg import is_plain_jpeg
from modules.citizen.tables import photo as photo_table
from node.incident import rows
from tests.modules.citizen import corpus
from tests.modules.citizen.centre import BASE, JSON, form

UPLOADS = corpus.uploads()


@pytest.mark.parametrize("name", UPLOADS)
def test_each_is_refused_in_words_or_kept_as_a_fresh_copy(centre, citizen, name):
    upload = UPLOADS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = centre.send(citizen, photo=(upload.filename, upload.raw, upload.declared))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert answer.status_code == upload.status, answer.text
    assert grown < 64 * 1024  # kilobytes: what a bomb unfolds, it unfolds in the child
    if upload.status != 201:
        (error,) = answer.json()["errors"]
        assert error["field"] == "photo"
        assert upload.says in error["message"]
        assert centre.rows() == centre.rows(rows.incident) == centre.rows(photo_table) == []
        return
    (kept,) = centre.rows(photo_table)
    (thumbnail,) = centre.rows(rows.incident_thumbnail)
    for copy in (kept["jpeg"], thumbnail["picture"]):
        assert is_plain_jpeg(copy)
        assert not Image.open(io.BytesIO(copy)).getexif()
        for trace in (b"CANARY", b"<script", b"PK\x03\x04", b"Exif", b"adobe"):
            assert trace not in copy
    assert upload.filename.encode() not in b"".join(str(row).encode() for row in centre.rows())


def test_there_are_enough_of_them():
    assert len(UPLOADS) >= 30
    assert {upload.status for upload in UPLOADS.values()} == {201, 413, 415, 422}


def test_the_copy_is_served_so_that_no_browser_runs_it(centre, citizen):
    sent = centre.send(citizen, photo=("a.html", UPLOADS["jpeg and html"].raw, "text/html")).json()
    with centre.staff() as staff:
        answer = staff.get(f"{BASE}/api/desk/reports/{sent['incident_id']}/photo")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"] == 'attachment; filename="anh.jpg"'


def part(name, value, filename=None):
    named = f'; filename="{filename}"' if filename else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{value}\r\n'


@pytest.mark.parametrize(
    ("what", "content_type", "body"),
    [
        ("a hundred parts", "multipart/form-data; boundary=b", "".join(part(f"f{n}", "x") for n in range(100))),
        ("twelve files", "multipart/form-data; boundary=b", "".join(part("photo", "x", f"{n}") for n in range(12))),
        ("no boundary", "multipart/form-data", part("photo", "x")),
        ("an empty boundary", "multipart/form-data; boundary=", part("photo", "x")),
        ("another boundary", "multipart/form-data; boundary=c", part("photo", "x")),
        ("no end", "multipart/form-data; boundary=b", '--b\r\nContent-Disposition: form-data; name="a"\r\n'),
        ("a name of a megabyte", "multipart/form-data; boundary=b", part("x" * 1_000_000, "x")),
        ("a head of a megabyte", "multipart/form-data; boundary=b", "--b\r\nX: " + "y" * 1_000_000),
        ("bytes that are no UTF-8", "multipart/form-data; boundary=b; charset=utf-7", part("description", "\udcff")),
    ],
    ids=lambda value: value if len(str(value)) < 30 else "",
)
def test_what_only_looks_like_a_form_is_refused_in_words(centre, citizen, what, content_type, body):
    raw = body.encode("utf-8", "surrogateescape") + b"--b--\r\n"
    answer = citizen.post(f"{BASE}/api/reports", content=raw, headers={**JSON, "content-type": content_type})
    assert 400 <= answer.status_code < 500, what
    assert answer.json()["detail"]
    assert centre.rows() == []


def test_a_form_with_every_field_twice_is_one_report(centre, citizen):
    fields = form()
    body = "".join(part(name, value) * 2 for name, value in fields.items()) + "--b--\r\n"
    answer = citizen.post(
        f"{BASE}/api/reports",
        content=body.encode(),
        headers={**JSON, "content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code in {201, 422}
    assert len(centre.rows()) <= 1
