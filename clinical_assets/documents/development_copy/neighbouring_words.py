"""What stands beside words with a capital, and says whether they are somebody, somewhere, an institution or a thing.

Written for this project from general knowledge of hospital notes; in small letters.
"""

from __future__ import annotations

_PARTICLES = "de del della der den des van von la le du da dos di bin bint ibn el al ter ten zu y"
PARTICLES = frozenset(_PARTICLES.split())
"""Of names of several words, between them or before."""

_ORGANISATIONS = (
    "hospital hospitals infirmary clinic center centre university college school academy institute church"
    " cathedral parish temple mosque synagogue chapel manor nursing lodge hospice pharmacy drugs bakery foundry"
    " freight inc llc ltd corp corporation company bank foundation shelter library hotel inn restaurant cafe"
    " diner market supermarket farm farms ranch apartments towers prison jail correctional factory mill mills"
    " motors logistics industries enterprises associates partners group sons brothers steel construction"
    " trucking transit airlines kindergarten preschool elementary seminary union daycare mall stadium gym club"
    " studio salon house gardens terrace village residence sanatorium sanitarium surgery practice trust"
    " laboratories plant works garage brewery dairy cannery shipyard airport barracks base county district"
    " parishioners council township borough bridge park beach lake valley springs heights hills island islands"
    " river street road avenue lane drive court square"
    " general memorial regional medical"
)
ORGANISATIONS = frozenset(_ORGANISATIONS.split())
"""What the last word of an employer's, a hospital's or a place's name says it is."""

_PLACES = "county district township borough bridge park beach lake valley springs heights hills island"
PLACES = frozenset(_PLACES.split())
"""Those of them that are places."""

_THINGS = (
    "sign signs score scores scale scales test tests testing disease diseases syndrome syndromes disorder"
    " catheter catheters tube tubes drain drains line lines stent stents shunt shunts procedure procedures"
    " protocol protocols regimen maneuver maneuvers manoeuvre criteria classification grade stage lesion lesions"
    " tumor tumors tumour lymphoma sarcoma carcinoma cell cells body bodies reflex reflexes contracture palsy"
    " fracture fractures hernia ulcer ulcers esophagus virus infection vaccine dressing dressings brace boot"
    " boots splint collar walker mask gel cream ointment paste powder lotion tablet tablets capsule capsules"
    " pill pills inhaler nebulizer injection injections infusion therapy knife laser clip clips stain stains"
    " staining technique approach incision position retractor view views series window space spaces fissure cave"
    " duct gland glands canal ligament node nodes vein artery nerve pouch loop index ratio equation formula"
    " system rule rules model method effect phenomenon reaction area gyrus cortex type class phase patch patches"
    " drip gtt pump spray drops suppository syrup solution mouthwash swab culture antigen antibody titer level"
    " levels screen panel assay toxicity malformation deformity anomaly triad tetralogy lobe tendon joint"
    " membrane plexus bag bed chair lift frame crutch crutches sling wrap stocking stockings hose needle needles"
    " suture sutures staples mesh graft flap pin pins wire wires screw screws rod plate cage implant prosthesis"
    " valve filter balloon coil device scanner monitor machine pad pads sponge chemotherapy radiation dose doses"
    " dosing course cycle cycles trial study questionnaire inventory interview survey tool staging guidelines"
    " precautions breathing respirations rhythm waves wave lines nodules rash fever anemia arthritis thyroiditis"
    " dementia psychosis neuropathy encephalopathy tremor gait facies crisis attack sphincter papilla"
)
THINGS = frozenset(_THINGS.split())
"""What stands behind a word of medicine that has a capital: Romberg sign, Gamma knife."""

_FAMILY = "family household residence home house"
FAMILY = frozenset(_FAMILY.split())
"""Behind a family's name that has an article: the Lindqvist family."""

_ARTICLES = "the a an this that these those each another any no some his her its my your our their"
ARTICLES = frozenset(_ARTICLES.split())
"""No name follows them."""

_GIVES_A_DRUG = (
    "on taking takes took tried starting started start continue continued continues continuing received"
    " receiving hold held holding resume resumed stop stopped increase increased decrease decreased prescribed"
    " dose doses using via prn daily home low-dose high-dose iv po oral topical inhaled add added adding refill"
    " refilled tapering tapered"
)
GIVES_A_DRUG = frozenset(_GIVES_A_DRUG.split())
"""A drug follows them more often than anybody."""
