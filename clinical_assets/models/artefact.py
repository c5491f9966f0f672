"""A trained model: the columns it reads, what it predicts, and the two files it is kept in.

`model.txt` holds the trees as LightGBM writes them, `model.json` everything else: the feature contract, what the model
was trained on, the calibration, the provenance and the checksums. Both are text, so a model can be read, compared and
kept under version control; nothing is ever unpickled. The checksums catch corruption and careless edits, not an
attacker: keep models where only the pipeline writes.

What does not belong here: learning anything (`training`), metrics (`evaluation`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from clinical_assets.models.calibration import Calibration
from clinical_assets.tables import Type

if TYPE_CHECKING:
    import lightgbm

Floats = npt.NDArray[np.float64]

FORMAT = 1
TREES, DESCRIPTION = "model.txt", "model.json"
REQUIRED_PROVENANCE = ("created_at", "index_time", "inputs", "split_version")


class ContractError(ValueError):
    """A frame or a feature list is not what a model can read; the message names the columns."""


class ArtefactError(ValueError):
    """Stored files are not a whole, unaltered model; the message names the file."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One column a model reads.

    Attributes:
        name: the column's.
        type: INTEGER and FLOAT stand for each other; BOOLEAN and TEXT only for themselves.
        unit: of the values, None for none.
        categories: the closed set of texts, in the order of their codes; None for numbers and flags.
        fill: what a missing value is read as; None where the trees learned from missing values themselves.
    """

    name: str
    type: Type
    unit: str | None = None
    categories: tuple[str, ...] | None = None
    fill: float | None = None

    @property
    def missing_values(self) -> str:
        """The rule for missing values, in words."""
        if self.categories is not None:
            return "missing or unknown: in none of the categories a split names"
        if self.fill is not None:
            return f"never missing in training; a missing value is read as the training median, {self.fill:g}"
        return "missing in some training stays; each split learned which side they go to"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Whether a column of that type can be this feature; a column of nulls without a type always can."""
        if dtype == pl.Null():
            return True
        if self.type is Type.TEXT:
            return dtype == pl.String() or isinstance(dtype, pl.Categorical | pl.Enum)
        return dtype == pl.Boolean() if self.type is Type.BOOLEAN else dtype.is_numeric()

    def expression(self) -> pl.Expr:
        """The column as a number: null for missing and for texts outside the categories."""
        column = pl.col(self.name)
        if self.categories is None:
            return column.cast(pl.Float64)
        codes = {category: float(code) for code, category in enumerate(self.categories)}
        return column.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Float64)


class Encoded(NamedTuple):
    """A frame as numbers, and what was missing from it.

    Attributes:
        matrix: one row per row, one column per feature; NaN where the trees decide what missing means.
        unknown_categories: values outside the declared categories, counted per column; they became missing.
        filled: missing values in columns that were never missing in training, counted per column.
    """

    matrix: Floats
    unknown_categories: Mapping[str, int]
    filled: Mapping[str, int]


@dataclass(frozen=True)
class FeatureContract:
    """The columns a model reads, in order: the same for training and for prediction."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [feature.name for feature in self.features]

    @property
    def categorical(self) -> list[int]:
        """Positions of the categorical features."""
        return [i for i, feature in enumerate(self.features) if feature.categories is not None]

    def encode(self, frame: pl.DataFrame) -> Encoded:
        """The frame as the numbers the trees read, each row by itself. Columns outside the contract are ignored.

        Raises:
            ContractError: a column is absent, of another type, or holds an infinite number.
        """
        self._check(frame)
        numbers = frame.select(feature.expression() for feature in self.features)
        matrix = np.ascontiguousarray(numbers.fill_null(float("nan")).to_numpy(), dtype=np.float64)
        infinite = _counted(self.names, np.isinf(matrix).sum(axis=0))
        if infinite:
            raise ContractError(
                f"expected finite numbers; found infinite values in {infinite} (column: rows); "
                "correct the feature's division, or make it null where it has no value"
            )
        missing = np.isnan(matrix)
        given = frame.select(pl.col(self.names).is_not_null()).to_numpy()
        text = np.array([f.categories is not None for f in self.features])
        fills = np.array([np.nan if f.fill is None else f.fill for f in self.features])
        return Encoded(
            np.where(missing, fills, matrix),
            _counted(self.names, (missing & given & text).sum(axis=0)),
            _counted(self.names, (missing & ~np.isnan(fills)).sum(axis=0)),
        )

    def _check(self, frame: pl.DataFrame) -> None:
        absent = [f.name for f in self.features if f.name not in frame.columns]
        wrong = [
            f"{f.name} (expected {f.type.value}, found {frame.schema[f.name]})"
            for f in self.features
            if f.name in frame.columns and not f.accepts(frame.schema[f.name])
        ]
        if absent or wrong:
            raise ContractError(
                f"expected the {len(self.features)} columns of the feature contract; "
                f"found absent: {absent or 'none'}; of another type: {', '.join(wrong) or 'none'}; "
                "build the frame with the feature set the model was trained on"
            )


def _counted(names: list[str], counts: npt.NDArray[np.int_]) -> dict[str, int]:
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """What a model was trained on and how; counts only.

    Attributes:
        label: column that was predicted.
        patient: column whose values never straddle two folds.
        rows: stays, or hours of stays.
        patients: patients.
        events: rows with the outcome.
        seed: of folds and trees.
        parameters: of the trees.
        folds: of the cross-validation.
        rounds: boosting rounds it chose.
        log_loss: cross-validated, before calibration, at that round.
        event_rate_log_loss: of predicting each fold's training event rate; a useful model is below it.
        unknown_categories: values outside the declared categories, counted per column and read as missing.
        libraries: versions that trained it.
        stands_for: rows the trained ones are a sample of; None where every row was used.
    """

    label: str
    patient: str
    rows: int
    patients: int
    events: int
    seed: int
    parameters: Mapping[str, float]
    folds: int
    rounds: int
    log_loss: float
    event_rate_log_loss: float
    unknown_categories: Mapping[str, int]
    libraries: Mapping[str, str]
    stands_for: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A trained model: everything a prediction needs, and where it came from.

    Attributes:
        booster_text: the trees in LightGBM's text form, the form they are always used from, so that a model just
            trained and a model loaded predict the same to the last bit.
        contract: the columns it reads.
        calibration: from its log-odds to probabilities.
        training: what it was trained on.
        provenance: as given when it was stored; empty before.
        out_of_fold: one row per training row, in the order given: patient, label, its weight where there is one, fold,
            raw (log-odds by trees that did not see the patient) and probability (calibrated on these same rows). None
            on a loaded model: it holds patients and is never stored with it.
    """

    booster_text: str
    contract: FeatureContract
    calibration: Calibration
    training: TrainingSummary
    provenance: Mapping[str, object] = field(default_factory=dict, compare=False)
    out_of_fold: pl.DataFrame | None = field(default=None, compare=False, repr=False)

    @cached_property
    def booster(self) -> lightgbm.Booster:
        """LightGBM's trees."""
        import lightgbm

        return lightgbm.Booster(model_str=self.booster_text)

    @property
    def num_threads(self) -> int:
        """How many threads predict; results don't depend on it."""
        return int(self.training.parameters.get("num_threads", 1))


class Prediction(NamedTuple):
    """Probabilities, and what was missing from the frame they were made from (see `Encoded`)."""

    probabilities: Floats
    unknown_categories: Mapping[str, int]
    filled: Mapping[str, int]


def predict(model: TrainedModel, frame: pl.DataFrame) -> Floats:
    """The calibrated probability of the outcome, one per row of `frame`.

    Each row is predicted by itself: neither the order nor the company of other rows changes a probability.

    Raises:
        ContractError: the frame is not what the model's feature contract asks for.
    """
    return predict_counted(model, frame).probabilities


def predict_counted(model: TrainedModel, frame: pl.DataFrame) -> Prediction:
    """Like `predict`, with the counts of unknown categories and of unexpectedly missing values beside it."""
    encoded = model.contract.encode(frame)
    if frame.is_empty():  # LightGBM refuses a matrix without rows
        return Prediction(np.empty(0), {}, {})
    raw = model.booster.predict(encoded.matrix, raw_score=True, num_threads=model.num_threads)
    return Prediction(model.calibration.apply(np.asarray(raw)), encoded.unknown_categories, encoded.filled)


def to_files(model: TrainedModel, provenance: Mapping[str, object]) -> dict[str, bytes]:
    """The model as named files; the same model and provenance give the same bytes.

    Args:
        model: what to store.
        provenance: kept as given; at least `created_at` (time of training), `index_time` (moment of prediction, in
            words), `inputs` (data version of each input table) and `split_version`.

    Raises:
        ArtefactError: the provenance is incomplete or can't be written as JSON.
    """
    absent = [key for key in REQUIRED_PROVENANCE if key not in provenance]
    if absent:
        raise ArtefactError(
            f"expected a provenance with {list(REQUIRED_PROVENANCE)}; found none of {absent}; "
            "a model nobody can trace is not stored: add them"
        )
    trees = model.booster_text.encode()
    body: dict[str, object] = {
        "format": FORMAT,
        "contract": [
            asdict(f) | {"type": f.type.value, "missing_values": f.missing_values} for f in model.contract.features
        ],
        "training": asdict(model.training),
        "calibration": asdict(model.calibration),
        "provenance": dict(provenance),
    }
    try:
        checksums = {TREES: _sha256(trees), "contract": _checksum(body["contract"]), "rest": _checksum(body)}
        text = json.dumps(body | {"sha256": checksums}, indent=2, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ArtefactError(
            f"expected a provenance of texts, numbers, lists and mappings; found something JSON has no form for "
            f"({error}); write times as ISO 8601 text"
        ) from error
    return {TREES: trees, DESCRIPTION: text.encode() + b"\n"}


def from_files(files: Mapping[str, bytes]) -> TrainedModel:
    """The model in files made by `to_files`.

    Raises:
        ArtefactError: a file is absent, of another format, or not as it was written; the message says which.
    """
    absent = [name for name in (TREES, DESCRIPTION) if name not in files]
    if absent:
        raise ArtefactError(f"expected {TREES} and {DESCRIPTION}; found no {absent}; store the model again")
    try:
        body = json.loads(files[DESCRIPTION])
        found_format, expected = body["format"], body.pop("sha256")
    except (ValueError, TypeError, KeyError) as error:
        raise ArtefactError(
            f"{DESCRIPTION}: expected a model's description with its format and checksums; found text without; "
            "restore the file or train again"
        ) from error
    if found_format != FORMAT:
        raise ArtefactError(
            f"{DESCRIPTION}: expected format {FORMAT}; found {found_format!r}; "
            "use the version of the project that wrote it, or train again"
        )
    found = {
        TREES: (TREES, _sha256(files[TREES])),
        "contract": (f"the feature contract in {DESCRIPTION}", _checksum(body.get("contract"))),
        "rest": (DESCRIPTION, _checksum(body)),
    }
    for name, (where, checksum) in found.items():
        if checksum != expected.get(name):
            raise ArtefactError(
                f"{where}: expected sha256 {expected.get(name)}; found {checksum}; "
                "it was changed after training: restore it, or train again"
            )
    return TrainedModel(
        booster_text=files[TREES].decode(),
        contract=FeatureContract(tuple(_feature(described) for described in body["contract"])),
        calibration=Calibration(**body["calibration"]),
        training=TrainingSummary(**body["training"]),
        provenance=body["provenance"],
    )


def _feature(described: Mapping[str, object]) -> Feature:
    own = {name: value for name, value in described.items() if name != "missing_values"}
    categories = described["categories"]
    return Feature(
        **own
        | {
            "type": Type(described["type"]),
            "categories": tuple(categories) if isinstance(categories, list) else None,
        }  # type: ignore[arg-type]
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum(part: object) -> str:
    """Of a part's meaning rather than its layout, so that reformatting the file is not tampering."""
    return _sha256(json.dumps(part, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())


def save(model: TrainedModel, folder: Path, provenance: Mapping[str, object]) -> None:
    """Write the model's two files into `folder`, which appears complete or not at all.

    A stored model is never replaced, for a reader might hold one file of each; storing the same bytes again is fine.

    Raises:
        FileExistsError: the folder exists and holds something else.
        ArtefactError: as in `to_files`.
    """
    files = to_files(model, provenance)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            (staged / name).write_bytes(content)
        staged.chmod(0o755)  # mkdtemp's folders are for their maker only
        staged.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        if _read(folder) != files:
            raise FileExistsError(
                f"{folder}: expected no folder, or one with this very model; found something else; "
                "give each model a folder of its own, or remove that one"
            ) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def load(folder: Path) -> TrainedModel:
    """The model stored in `folder`.

    Raises:
        ArtefactError: as in `from_files`.
    """
    try:
        return from_files(_read(folder))
    except ArtefactError as error:
        raise ArtefactError(f"{folder}: {error}") from error


def _read(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (TREES, DESCRIPTION) if (folder / name).is_file()}
