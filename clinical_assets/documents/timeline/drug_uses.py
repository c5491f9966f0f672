"""Drugs against tumours that have another ordinary use: what tells the use, and what is said where nothing does.

A trigger "systemic therapy changed" that is none costs a few notes; one that is missed loses them. So a drug is said
to be no antineoplastic only where brand, strength, form or code belong to the other use alone; where they belong to
tumours alone it is one; and else it is *possibly* one (`POSSIBLY`): it counts as one for the triggers, and timeline
and kept notes say that nobody knows. Strength and form tell only where they are the drug's own: an order names what it
is mixed in (sodium chloride 0.9 %) and what is given beside it (a cream for the port) as well.

A regimen with a drug of no other use is antineoplastic whatever else it holds. Drugs whose other use is rare, or is
the same treatment (conditioning before a transplant), are not listed: they are antineoplastics.

Sources: brands, strengths and indications of the labels approved by the FDA (of Zortress 0.25, 0.5, 0.75 and 1 mg, of
    Afinitor 2.5 to 10 mg, of Afinitor Disperz 2, 3 and 5 mg; on the skin fluorouracil 0.5 to 5 %, tretinoin 0.01 to
    0.1 %, ruxolitinib 1.5 %); descriptors of HCPCS level II (CMS; C9257 is paid as the
    dose for the eye); the WHO's ATC index: L04 are immunosuppressants, but methotrexate by mouth is in L04AX03
    whatever it is given for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

POSSIBLY = "possibly_"
"""Before a subtype that nobody can be sure of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherUse:
    """A drug against tumours that is given for something else as well.

    Attributes:
        drug: its name.
        names: regular expression over its names, lower case, whole words.
        use: what else it is given for.
        only_other: regular expression over whole words that, beside a name, say that it is given for that.
        unless: words beside which `only_other` says nothing; `IN_A_VEIN` is so for all drugs.
        brands_other: names of brands that are for that alone.
        codes_other: HCPCS and ATC codes that are for that alone.
        only_tumor: whole words that, beside a name, say that it is given against a tumour.
        brands_tumor: names of brands that are against tumours alone.
        codes_tumor: HCPCS and ATC codes that are against tumours alone.
        codes: HCPCS and ATC codes that do not tell.
        else_: what it counts as where nothing tells.
    """

    drug: str
    names: str
    use: str
    only_other: str = ""
    unless: str = ""
    brands_other: str = ""
    codes_other: str = ""
    only_tumor: str = ""
    brands_tumor: str = ""
    codes_tumor: str = ""
    codes: str = ""
    else_: Literal["possibly_antineoplastic", "antineoplastic"] = "possibly_antineoplastic"


IN_A_VEIN = (
    r"sodium chloride|saline|ns|nacl|dextrose|d5w?|ringer\w*|infus\w+|intravenous\w*|iv|ivpb|ivp|bolus|pump|drip"
    r"|chemo\w*"
)
"""Whole words of what is given into a vein: beside them nothing tells that a drug is for something else."""

_NOT_ON_THE_SKIN = (
    r"mg|mcg|ml|inj\w*|vials?|tab(?:let)?s?|cap(?:sule)?s?|oral(?:ly)?|(?:by|per) mouth|p\.?o\.?|daily dose|cycles?"
)


def _on_the_skin(names: str, percent: str) -> str:
    """A name with a strength of its own for the skin, or a form, directly after it; or "topical" directly before."""
    form = r"(?:cream|crm|gel|lotion|ointment|oint|topical(?:ly)?)s?"
    own = rf"(?:{names})(?: ?\([^()]*\)| micro\w*| phosphate)*,?"
    return rf"{own} ?(?:(?:{percent}) ?%(?: ?{form})?|(?:\d*\.?\d+ ?% ?)?{form})|topical (?:{names})"


# Strengths in mg of everolimus against rejection; and any that is none of them, be it added ("5 + 1 mg") or by surface.
_ZORTRESS = r"(?:0?\.(?:25|50?|75)|1(?:\.0+)?)[ -]?mg(?! ?/)"
_ALONE = r"(?<![\d.,])(?<!\d[-+/x])(?<!\d [-+/x] )"

OTHER_USES: tuple[OtherUse, ...] = (
    OtherUse(
        drug="everolimus",
        names="everolimus",
        use="against rejection of a transplant",
        # A transplant of stem cells is one for a tumour.
        only_other=rf"{_ALONE}{_ZORTRESS}"
        r"|(?:kidney|renal|liver|hepatic|heart|cardiac|lung|organ) transplant\w*|(?:transplant|graft) rejection",
        unless=rf"(?<![\d.,])(?!{_ALONE}{_ZORTRESS}\b)[\d.][\d.,]*[ -]?mg",
        brands_other="zortress|certican",
        codes_other="J7527|L04AA18|L04AH02",
        only_tumor=r"(?<![\d.,])(?:2\.5|7\.5|10(?:\.0)?) ?mg",
        brands_tumor="afinitor|votubia|torpenz",
    ),
    OtherUse(
        drug="methotrexate",
        names="methotrexate|mtx",
        use="for arthritis, psoriasis and other inflammation",
        only_other=r"auto-?injectors?|pens?",
        brands_other="otrexup|rasuvo|reditrex|metoject|rheumatrex",
        unless="it",
        only_tumor=r"intrathecal(?:ly)?|intraventricular(?:ly)?|high[- ]dose|\b\d{1,2},?\d{3} ?mg"
        r"|\b\d+(?:\.\d+)? ?g(?:rams?)?",
        codes="J8610|J9250|J9255|J9260|L04AX03",
    ),
    OtherUse(
        drug="mercaptopurine",
        names="mercaptopurine|6-mp",
        use="for inflammatory bowel disease",
        codes="S0108|L01BB02",
    ),
    OtherUse(drug="thioguanine", names="t(?:h)?ioguanine", use="for inflammatory bowel disease", codes="L01BB03"),
    OtherUse(
        drug="cyclophosphamide",
        names="cyclophosphamide|cytoxan",
        use="for lupus, vasculitis and nephritis",
        codes=r"J8530|J907\d|J909[0-7]|L01AA01",
    ),
    OtherUse(
        drug="rituximab",
        names=r"rituximab(?:-\w{4})?|rituxan|truxima|ruxience|riabni",
        use="for arthritis, vasculitis and other autoimmune disease",
        only_tumor="hyaluronidase",
        brands_tumor="rituxan hycela",
        codes_tumor="J9311",
        codes="J9310|J9312|Q5115|Q5119|Q5123|L01FA01|L01XC02",
    ),
    OtherUse(
        drug="hydroxyurea",
        names="hydroxyurea|hydroxycarbamide",
        use="for sickle cell disease",
        brands_other="droxia|siklos|xromi",
        codes="S0176|L01XX05",
    ),
    OtherUse(
        drug="tretinoin",
        names="tretinoin",
        use="for acne and sun-damaged skin",
        only_other=_on_the_skin("tretinoin", r"0?\.(?:01|02|025|04|05|06|08|10?)"),
        unless=_NOT_ON_THE_SKIN,
        brands_other="retin-a|renova|atralin|altreno|avita|refissa",
        codes_other="D10AD01",
        only_tumor=r"cap(?:sule)?s?|oral(?:ly)?|by mouth|p\.?o",
        brands_tumor="vesanoid",
    ),
    OtherUse(
        drug="isotretinoin",
        names="isotretinoin",
        use="for acne",
        brands_other="accutane|roaccutane|absorica|amnesteem|claravis|myorisan|zenatane",
        codes="D10BA01",
    ),
    OtherUse(
        drug="fluorouracil",
        names="fluorouracil|5-fu",
        use="on sun-damaged skin",
        only_other=_on_the_skin("fluorouracil|5-fu", r"0?\.5|[1245](?:\.0)?"),
        unless=_NOT_ON_THE_SKIN,
        brands_other="efudex|carac|fluoroplex|tolak",
        else_="antineoplastic",
    ),
    OtherUse(
        drug="ruxolitinib",
        names="ruxolitinib",
        use="for eczema and vitiligo, and for graft-versus-host disease",
        only_other=_on_the_skin("ruxolitinib", r"1\.50?"),
        unless=_NOT_ON_THE_SKIN,
        brands_other="opzelura",
        codes_other="D11AH09",
        codes="L01EJ01|L01XE18",
    ),
    OtherUse(
        drug="bevacizumab",
        names=r"bevacizumab(?:-\w{4})?",
        use="in the eye",
        only_other=r"intravitreal(?:ly)?|intraocular(?:ly)?|intracameral|ophthalmic"
        r"|(?:left|right|both|each|the) eyes?|(?<![\d.,])1\.25 ?mg",
        unless=r"(?<![\d.])\d[\d,]{2,} ?mg(?! ?/ ?\d)|mg ?/ ?kg",
        codes_other="S01LA08",
        codes="C9257",
        else_="antineoplastic",
    ),
    OtherUse(
        drug="leuprolide",
        names="leuprolide|leuprorelin|lupron(?: depot)?",
        use="for endometriosis and early puberty",
        only_other=r"pediatric(?! (?:hem|onc))|ped|puberty|endometriosis",
        brands_other="fensolvi",
        codes_other="J1951",
        brands_tumor="eligard|camcevi",
        codes_tumor="J1952|J1954",
        codes="J1950|J9217|J9218|L02AE02",
    ),
    OtherUse(
        drug="goserelin",
        names="goserelin|zoladex",
        use="for endometriosis",
        only_tumor=r"(?<![\d.,])10\.8 ?mg",
        codes="J9202|L02AE03",
    ),
    OtherUse(
        drug="tamoxifen",
        names="tamoxifen",
        use="to prevent breast cancer, and for infertility",
        codes="S0187|L02BA01",
    ),
    OtherUse(drug="letrozole", names="letrozole", use="for infertility", codes="L02BG04"),
    OtherUse(drug="megestrol", names="megestrol", use="against loss of weight", codes="S0179|L02AB01"),
    OtherUse(drug="mitoxantrone", names="mitoxantrone", use="for multiple sclerosis", codes="J9293|L01DB07"),
)
