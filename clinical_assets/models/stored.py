"""Where models and their judgements lie in the lake, and how they are read from there.

One folder per outcome, `models/risk_model/outcome=<name>/`: the model's own two files, `cross_validation.json`, and for
each model it is compared with its two files, their names led by how that one differs. What is stored together is
replaced together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from clinical_assets.models import artefact
from clinical_assets.models.evaluated import Evaluation
from clinical_assets.models.judgement import Judgement
from clinical_assets.models.outcomes import Outcome
from clinical_assets.models.tables import EVALUATION, RISK_MODEL
from resources.lake import Lake

CROSS_VALIDATION = "cross_validation.json"
JUDGEMENT = "evaluation.json"
Files = Mapping[str, bytes]


def model_folder(outcome: Outcome) -> str:
    """Where an outcome's models lie in the lake."""
    return f"{RISK_MODEL.path}/outcome={outcome.name}"


def evaluation_folder(outcome: Outcome) -> str:
    """Where an outcome's evaluation lies in the lake."""
    return f"{EVALUATION.path}/outcome={outcome.name}"


def beside(how: str, files: Files) -> dict[str, bytes]:
    """The files of a model compared with, under the names they have beside the outcome's own."""
    return {f"{how}.{name}": content for name, content in files.items()}


def models_in(outcome: Outcome, files: Files) -> dict[str, dict[str, bytes]]:
    """The files of each model in an outcome's folder: its own under "", the others by how they differ."""
    found = {"": {name: files[name] for name in (artefact.TREES, artefact.DESCRIPTION) if name in files}}
    for how in outcome.compared:
        lead = f"{how}."
        found[how] = {name.removeprefix(lead): text for name, text in files.items() if name.startswith(lead)}
    return {how: own for how, own in found.items() if own}


def stored_models(lake: Lake, outcome: Outcome) -> dict[str, artefact.TrainedModel]:
    """The outcome's current models, their hashes verified: its own under "", the others by how they differ."""
    files = models_in(outcome, lake.read_files(model_folder(outcome)))
    return {how: artefact.from_files(own) for how, own in files.items()}


def stored_cross_validation(lake: Lake, outcome: Outcome) -> Evaluation | None:
    """How the model did on its own training patients, out of fold."""
    text = lake.read_files(model_folder(outcome)).get(CROSS_VALIDATION)
    return None if text is None else Evaluation.from_dict(json.loads(text))


def stored_judgement(lake: Lake, outcome: Outcome) -> Judgement | None:
    """What was last said of the outcome's model."""
    text = lake.read_files(evaluation_folder(outcome)).get(JUDGEMENT)
    return None if text is None else Judgement.from_json(text)
