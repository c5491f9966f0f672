"""DICOM headers: tolerant of gaps, strict about people; JPG sizes."""

import io
import logging
import warnings
from contextlib import contextmanager

import boto3
import polars as pl
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from clinical_assets.imaging import dicom_headers as headers
from clinical_assets.imaging import file_assets, report_files, studies

SUBJECT = 10000032


def dicom(*, without=(), pixels=True, **values):
    made = Dataset()
    made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID = generate_uid()
    made.Modality, made.ViewPosition, made.BodyPartExamined = "DX", "PA", "CHEST"
    made.PhotometricInterpretation, made.SamplesPerPixel = "MONOCHROME2", 1
    made.Rows, made.Columns, made.BitsAllocated, made.BitsStored, made.HighBit = 4, 6, 16, 12, 11
    made.PixelRepresentation = 0
    made.PixelSpacing = ["0.139", "0.139"]
    made.StudyDate, made.StudyTime = "21800506", "080556.875"
    made.PatientID, made.PatientName, made.BurnedInAnnotation = str(SUBJECT), "", "NO"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    for keyword in without:
        delattr(made, keyword)
    if pixels:
        made.PixelData = bytes(48)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = made.SOPClassUID, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta = meta
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def opener(files):
    @contextmanager
    def open_file(path):
        if path not in files:
            raise FileNotFoundError(path)
        yield io.BytesIO(files[path])

    return open_file


def images(*names):
    rows = [{"subject_id": SUBJECT, "study_id": 5, "dicom_id": n, "file": f"{n}.dcm"} for n in names]
    return pl.DataFrame(rows, {"subject_id": pl.Int64, "study_id": pl.Int64, "dicom_id": pl.String, "file": pl.String})


def read(data):
    found = headers.dicom_headers(images("a"), opener({} if data is None else {"a.dcm": data}))
    assert dict(found.schema) == dict(headers.DICOM_HEADERS.polars_schema)
    return found.row(0, named=True)


def test_a_header_is_read():
    row = read(dicom())
    assert (row["status"], row["reason"], row["missing"], row["has_pixels"]) == ("read", None, None, True)
    assert (row["modality"], row["view_position"], row["body_part"], row["photometric"]) == (
        "DX",
        "PA",
        "CHEST",
        "MONOCHROME2",
    )
    assert (row["height"], row["width"], row["bits_stored"]) == (4, 6, 12)
    assert (row["pixel_spacing_row"], row["pixel_spacing_column"]) == (0.139, 0.139)
    assert (row["study_date"], row["study_time"], row["burned_in_annotation"]) == (21800506, "080556.875", "NO")
    assert (row["sop_class"], row["transfer_syntax"]) == (
        str(DigitalXRayImageStorageForPresentation),
        "1.2.840.10008.1.2.1",
    )


def test_missing_tags_are_named_and_end_nothing():
    row = read(dicom(without=["ViewPosition", "StudyDate", "PixelSpacing", "BurnedInAnnotation"]))
    assert row["status"] == "read"
    assert row["missing"] == "view_position|study_date|pixel_spacing_row|pixel_spacing_column"
    assert row["burned_in_annotation"] is None


def test_the_detectors_spacing_stands_in():
    row = read(dicom(without=["PixelSpacing"], ImagerPixelSpacing=["0.2", "0.3"]))
    assert (row["pixel_spacing_row"], row["pixel_spacing_column"]) == (0.2, 0.3)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (None, "missing"),
        (b"", "not dicom"),
        (b"\xff\xd8\xff\xe0 a jpg in disguise", "not dicom"),
        (b"\0" * 128 + b"DICM" + b"\x02", "unreadable"),
    ],
)
def test_what_is_no_dicom_is_said_to_be_none(data, status):
    row = read(data)
    assert row["status"] == status
    assert row["height"] is None


def test_a_header_without_pixels_behind_it_is_marked():
    row = read(dicom(pixels=False))
    assert (row["status"], row["has_pixels"], row["reason"]) == ("read", False, "no pixel data")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Doe^Jane"),
        ("PatientBirthDate", "19500101"),
        ("InstitutionName", "General Hospital"),
        ("ReferringPhysicianName", "House^Gregory"),
        ("AccessionNumber", "A1234"),
        ("OtherPatientIDs", ["1", "2"]),
        ("PatientID", "MRN-778899"),
        ("BurnedInAnnotation", "YES"),
        ("RecognizableVisualFeatures", "YES"),
    ],
)
def test_a_file_that_names_somebody_is_refused_and_nothing_of_it_kept(keyword, value):
    row = read(dicom(**{keyword: value}))
    assert (row["status"], row["reason"]) == ("refused", keyword)
    kept = {name for name, cell in row.items() if cell is not None}
    assert kept == {"subject_id", "study_id", "dicom_id", "file", "status", "reason"}


def test_a_name_deep_in_a_sequence_is_found():
    inner = Dataset()
    inner.RequestingPhysician = "House^Gregory"
    row = read(dicom(RequestAttributesSequence=[inner]))
    assert (row["status"], row["reason"]) == ("refused", "RequestingPhysician")


@pytest.mark.parametrize("blank", ["", "___", "Anonymous"])
def test_blanked_names_are_no_names(blank):
    assert read(dicom(PatientName=blank))["status"] == "read"


@pytest.mark.parametrize("number", [str(SUBJECT), f"p{SUBJECT}", "", "___"])
def test_the_releases_own_number_is_no_name(number):
    assert read(dicom(PatientID=number))["status"] == "read"


def test_private_attributes_are_counted():
    made = pydicom.dcmread(io.BytesIO(dicom()))
    block = made.private_block(0x0011, "MAKER", create=True)
    block.add_new(0x01, "LO", "anything")
    out = io.BytesIO()
    made.save_as(out)
    assert read(out.getvalue())["n_private_attributes"] == 2  # with the block's own name


def test_reports_are_left_to_the_documents():
    row = read(dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", pixels=False))
    assert (row["status"], row["modality"]) == ("report", None)


def test_malformed_values_are_neither_shown_nor_fatal(caplog, recwarn):
    secret = "SECRET-VALUE-99"
    data = dicom(StudyDate=secret[:10], StudyTime=secret, Modality="x" * 70)
    recwarn.clear()
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        row = read(data)
    assert row["study_date"] is None
    assert not [w for w in recwarn if "SECRET" in str(w.message)]
    assert "SECRET" not in caplog.text


def test_many_files_keep_their_order_and_one_bad_file_disturbs_no_other():
    names = [f"n{i}" for i in range(20)]
    files = {f"{n}.dcm": dicom(Rows=i + 1) for i, n in enumerate(names)}
    files["n7.dcm"] = b"not dicom"
    del files["n8.dcm"]
    found = headers.dicom_headers(images(*names), opener(files), readers=4)
    assert found["dicom_id"].to_list() == names
    assert found["height"].to_list() == [None if i in (7, 8) else i + 1 for i in range(20)]
    assert dict(found["status"].value_counts().iter_rows()) == {"read": 18, "not dicom": 1, "missing": 1}


def test_no_files_are_an_empty_table():
    assert headers.dicom_headers(images(), opener({})).is_empty()


WHOLE = dicom()


@given(st.integers(0, len(WHOLE)), st.integers(0, 255), st.booleans())
def test_damage_never_ends_the_run(place, byte, cut):
    damaged = WHOLE[:place] if cut else WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    assert read(damaged)["status"] in headers.STATUSES


def jpg(width, height, **options):
    image = pytest.importorskip("PIL.Image").new("L", (width, height), 128)
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 300}])
def test_the_size_of_a_jpg(options):
    assert headers.jpg_size(io.BytesIO(jpg(30, 20, **options))) == (20, 30)


@given(st.binary(max_size=60))
def test_other_bytes_have_no_size_or_one_and_never_an_error(data):
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0"):
        size = headers.jpg_size(io.BytesIO(start + data))
        assert size is None or all(size)


def test_jpgs_are_compared_with_the_metadata():
    rows = images("a", "b", "c", "d").with_columns(
        file=pl.col("dicom_id"), height=pl.Series([20, 21, None, 20]), width=pl.Series([30, 30, None, 30])
    )
    files = {"a": jpg(30, 20), "b": jpg(30, 20), "c": jpg(30, 20)}
    found = headers.jpg_files(rows, opener(files))
    assert dict(found.schema) == dict(headers.JPG_FILES.polars_schema)
    assert found["as_in_metadata"].to_list() == [True, False, None, None]
    assert found["status"].to_list() == ["read", "read", "read", "missing"]
    assert headers.jpg_files(rows.head(1), opener({"a": b"nothing"}))["status"].to_list() == ["not jpg"]


def test_files_are_read_from_object_storage_without_a_copy(s3):
    import boto3

    from resources.sources import Sources

    boto3.client("s3").put_object(Bucket=s3.removeprefix("s3://"), Key="cxr/a.dcm", Body=dicom())
    sources = Sources(root=s3)
    found = headers.dicom_headers(images("a", "b"), lambda path: sources.open(f"cxr/{path}"))
    assert found["status"].to_list() == ["read", "missing"]
    assert found["height"].to_list() == [4, None]


SR = "1.2.840.10008.5.1.4.1.1.88.11"


def test_a_report_beside_the_images_is_found_though_no_table_names_it():
    named = images("a").with_columns(file=pl.lit("files/s5/a.dcm"))
    files = {
        "files/s5/a.dcm": dicom(),
        "files/s5/report.dcm": dicom(SOPClassUID=SR, pixels=False),
        "files/s5/index.html": b"<p>",
        "files/s6/other.dcm": dicom(),
    }
    listed = []

    def list_folder(folder):
        listed.append(folder)
        return [path for path in files if path.startswith(f"{folder}/")]

    found = headers.dicom_headers(named, opener(files), list_folder)
    assert listed == ["files/s5"]
    assert found.select("dicom_id", "study_id", "file", "status").rows() == [
        ("a", 5, "files/s5/a.dcm", "read"),
        ("report", 5, "files/s5/report.dcm", "report"),
    ]
    assert headers.dicom_headers(named, opener(files), lambda _folder: []).height == 1


def test_of_a_release_that_is_not_at_hand_no_file_is_asked_for():
    found = headers.dicom_headers(images("a", "b"), None, lambda _folder: pytest.fail("listed"))
    assert dict(found.schema) == dict(headers.DICOM_HEADERS.polars_schema)
    assert found.select("dicom_id", "status").rows() == [("a", "missing"), ("b", "missing")]
    sized = images("a").with_columns(height=pl.lit(1), width=pl.lit(1))
    assert headers.jpg_files(sized, None)["status"].to_list() == ["missing"]


def test_a_whole_release_is_read_from_an_s3_prefix(s3):
    """Below `s3://bucket/physionet`, as the assets read it: listed, in parallel, and nothing kept of a refused file."""
    from resources.sources import Sources

    bucket, release = s3.removeprefix("s3://"), "physionet/mimic-cxr/2.0.0"
    client = boto3.client("s3")
    content = {
        "files/p10/p10000032/s5/a.dcm": dicom(),
        "files/p10/p10000032/s5/b.dcm": dicom(BurnedInAnnotation="YES"),
        "files/p10/p10000032/s5/c.dcm": b"no dicom",
        "files/p10/p10000032/s5/sr.dcm": dicom(SOPClassUID=SR, pixels=False),
        "files/p10/p10000032/s5.txt": b"FINAL REPORT\nCough.",
    }
    for path, body in content.items():
        client.put_object(Bucket=bucket, Key=f"{release}/{path}", Body=body)
    sources = Sources(root=f"{s3}/physionet")
    assert file_assets._newest(sources, file_assets.DICOM_FOLDERS) == "mimic-cxr/2.0.0"
    opener, lister = (make(sources, "mimic-cxr/2.0.0") for make in (file_assets._opener, file_assets._lister))
    wanted = images("a", "b", "c", "d").with_columns(file=studies.image_file("dcm"))
    found = headers.dicom_headers(wanted, opener, lister)
    assert dict(found.select("dicom_id", "status").rows()) == {
        "a": "read", "b": "refused", "c": "not dicom", "d": "missing", "sr": "report",
    }  # fmt: skip
    assert found.filter(pl.col("dicom_id") == "b")["reason"].to_list() == ["BurnedInAnnotation"]
    report = report_files.cxr_reports(wanted.unique("study_id").with_columns(file=report_files.report_file()), opener)
    assert report.select("status", "text").rows() == [("read", "FINAL REPORT\nCough.")]
    assert file_assets._newest(Sources(root=f"{s3}/empty"), file_assets.DICOM_FOLDERS) is None
