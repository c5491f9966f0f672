"""The look-back is a run's configuration: off unless said, the same for studies and images, told in its rows."""

from datetime import datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from clinical_assets import definitions
from clinical_assets.declaration import LAKE_IO_MANAGER
from clinical_assets.definitions import site_of
from clinical_assets.imaging import assets, checks
from clinical_assets.imaging.look_back import CxrLinkage
from clinical_assets.imaging.tables import CXR_IMAGES, CXR_STUDIES
from clinical_assets.settings import Settings
from clinical_assets.stays.tables import ED_STAYS, HOSPITAL_STAYS, ICU_STAYS
from resources.lake import Lake
from resources.lake_io_manager import LakeIOManager

LINKS = {"imaging/cxr_stay_links": "study_id", "imaging/cxr_image_links": "dicom_id"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """One patient: an ED stay of the 1st from 8 to 12 h, an X-ray at 10 h and one at 20 h, another stay at 21 h."""

    def at(hour):
        return datetime(2150, 1, 1, hour)

    home = tmp_path_factory.mktemp("home")
    settings = Settings.load(home=home, sources=str(home / "nowhere"), subject_shards=1)
    lake = Lake(root=settings.lake_root, subject_shards=1)
    stay = {"subject_id": 1, "admission_found": False}
    study = {"subject_id": 1, "procedure": "CHEST"}
    taken = [(51, "a", at(10)), (52, "b", at(20))]
    rows = {
        ED_STAYS: [
            {**stay, "stay_id": 31, "intime": at(8), "outtime": at(12)},
            {**stay, "stay_id": 32, "intime": at(21), "outtime": at(23)},
        ],
        ICU_STAYS: [],
        HOSPITAL_STAYS: [],
        CXR_STUDIES: [{**study, "study_id": n, "study_time": t} for n, _, t in taken],
        CXR_IMAGES: [{"subject_id": 1, "study_id": n, "dicom_id": d, "taken_at": t} for n, d, t in taken],
    }
    for table, records in rows.items():
        with lake.write(table.path, table.arrow_schema, ["00"], {}) as out:
            out.write("00", pl.DataFrame(records, table.polars_schema).to_arrow())
    site = site_of(settings)
    made = [
        *(d.build(site) for d in (assets.cxr_stay_links, assets.cxr_image_links)),
        *(dg.AssetSpec(dg.AssetKey(list(table.key)), partitions_def=site.shards) for table in rows),
    ]

    def run(**linkage):
        configured = {"resources": {"cxr_linkage": {"config": linkage}}} if linkage else None
        result = dg.materialize(
            made,
            partition_key="00",
            instance=dg.DagsterInstance.ephemeral(),
            resources={"lake": lake, LAKE_IO_MANAGER: LakeIOManager(lake=lake), "cxr_linkage": CxrLinkage()},
            run_config=configured,
            raise_on_error=False,
        )
        told = {
            e.asset_key.to_user_string(): e.materialization.metadata for e in result.get_asset_materialization_events()
        }
        return result, told, lambda path: lake.scan(path, ["00"]).collect()

    return run


def test_it_is_off_by_default(graph):
    result, told, rows = graph()
    assert result.success
    for path, number in LINKS.items():
        assert rows(path).sort(number)["match_type"].to_list() == ["ed", "none"]
        assert rows(path)["look_back_hours"].to_list() == [0.0, 0.0]
        assert told[path]["look_back_hours"].value == "off"


def test_a_run_s_configuration_turns_it_on_for_studies_and_images_alike(graph):
    result, told, rows = graph(look_back_hours=8.0)
    assert result.success
    for path, number in LINKS.items():
        found = rows(path).sort(number)
        assert found["match_type"].to_list() == ["ed", "ed look-back"]
        assert found["ed_stay_id"].to_list() == [31, 31]  # never 32, which begins an hour after the X-ray
        assert found["look_back_hours"].to_list() == [8.0, 8.0]
        assert told[path]["look_back_hours"].value == 8.0
    assert graph(look_back_hours=7.9)[2]("imaging/cxr_stay_links").sort("study_id")["match_type"].to_list()[1] == "none"


@pytest.mark.parametrize("hours", [0.0, -24.0])
def test_a_look_ahead_is_refused_and_nothing_written(graph, hours):
    before = graph(look_back_hours=8.0)[2]("imaging/cxr_stay_links")
    result, _, rows = graph(look_back_hours=hours)
    assert not result.success
    failed = [e for e in result.all_events if e.is_step_failure]
    assert all("expected a number of hours over 0" in str(e.event_specific_data.error) for e in failed)
    assert rows("imaging/cxr_stay_links").equals(before)


def test_the_function_refuses_it_too():
    empty = (pl.LazyFrame(schema=t.polars_schema) for t in (CXR_STUDIES, ED_STAYS, ICU_STAYS, HOSPITAL_STAYS))
    with pytest.raises(ValueError, match="it would look ahead"):
        assets.cxr_stay_links.rule(*empty, look_back=timedelta(hours=-1))


def test_shards_linked_with_different_look_backs_fail_the_check(graph):
    links = graph(look_back_hours=8.0)[2]("imaging/cxr_stay_links")
    assert checks.links_never_look_ahead(links).passed
    mixed = pl.concat([links, links.with_columns(look_back_hours=0.0)])
    finding = checks.links_never_look_ahead(mixed)
    assert not finding.passed
    assert "look-backs of [0.0, 8.0] h" in finding.description


def test_the_graph_has_it_as_a_resource_whose_default_is_off(tmp_path):
    resources = definitions._resources(Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere")))
    assert resources["cxr_linkage"].look_back_hours is None
