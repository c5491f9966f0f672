"""Regions of the body by the words of a description, one table for all: what a scan shows, and which scans count.

Words stand whole: a CT is "compUTERized" and shows no uterus. Parts of a bone or an organ that are called as a region
is (the head of a femur, the neck of the bladder) are of the bone or the organ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

REGIONS: Mapping[str, str] = {
    "head": "head | brain | skull | crani* | intracrani* | cerebral | cerebrum | cerebrovasc* | cerebell* | orbit*"
    " | sinus | sinuses | paranasal | face | facial | pituitary | sella*",
    "neck": "neck | carotid* | jugular*",
    "thyroid": "thyroid* | parathyroid*",
    "spine": "spine | spines | spinal | cervical | thoracic | thoracolumbar | lumbar | lumbosacral | sacral | sacrum"
    " | myelogra*",
    "chest": "chest | thorax | lung | lungs | pulmonary | rib | ribs | mediastin*",
    "heart": "heart | cardiac | echo | echocardio* | coronary | myocardi*",
    "abdomen": "abdomen | abdominal | abd | liver | hepat* | gallbladder | gall bladder | biliary | pancrea* | spleen"
    " | splenic | kidney* | renal | adrenal* | periton* | retroperiton* | digestive | bowel | kub | mesent*",
    "pelvis": "pelvis | pelvic | bladder | prostat* | uterus | uterine | ovary | ovaries | ovarian | obstetric*"
    " | vagina* | transvaginal | scrot* | testic*",
    "arm": "shoulder* | clavic* | humer* | elbow* | forearm* | radius | ulna* | wrist* | hand | hands | finger*"
    " | thumb* | upper extremit* | upper ext | arm | arms",
    "leg": "hip | hips | femur* | femoral | thigh* | knee* | tibia* | fibula* | ankle* | foot | feet | toe | toes"
    " | heel* | calcane* | lower extremit* | lower ext | leg | legs",
    "breast": "breast* | mammo*",
}
"""Terms (see `pattern_of`) of each region; ours."""

_OF_A_BONE = r"femoral|humeral|radial|fibular|metatarsal|metacarpal|femur|humerus|radius|fibula|pancrea\w*|bladder"
# An underscore makes one word of two, and `pattern_of` takes it for a space: who looks for "femoral head" finds it.
_PARTS: Mapping[str, str] = {
    rf"\b({_OF_A_BONE})[ -](heads?|necks?)\b": "${1} ${1}_${2}",
    rf"\b(heads?|necks?) of (?:the )?({_OF_A_BONE})\b": "${2} ${1}_of_${2}",
    r"\bgall bladder\b": "gall_bladder",
    r"\b(thoracic) (aorta|duct|outlet)\b": "${1}_${2}",
    r"\b(trans)[ -](thoracic|cranial)\b": "${1}_${2}",
    r"\b(c)-(arm)\b": "${1}_${2}",
}


def pattern_of(terms: str) -> str:
    """Terms as one regular expression over lower-case text, which matches any of them as whole words.

    Args:
        terms: words or phrases, lower case, separated by ` | `; `*` stands for the rest of a word.
    """
    return rf"\b(?:{'|'.join(_as_regex(term.strip()) for term in terms.split(' | '))})\b"


def _as_regex(term: str) -> str:
    """A term as a regular expression: any separator for a space, any word ending for a star."""
    return re.escape(term).replace(r"\*", r"\w*").replace(r"\ ", r"[\s/_-]+")


def terms_of(*regions: str) -> str:
    """The terms of regions, to which others may be added."""
    return " | ".join(REGIONS[region] for region in regions)


def plainly(words: pl.Expr) -> pl.Expr:
    """Lower-case words in which no part of a bone or an organ is called as a region is."""
    for part, whole in _PARTS.items():
        words = words.str.replace_all(part, whole)
    return words
