"""Results of tests, counts and readings that are written as dates, years or telephone numbers are: `{}` marks them.

Made up for this project. A copy in which one of them has moved by a patient's weeks says something else about him, and
nothing shows it: each must stay as it is.
"""

from __future__ import annotations

RESULTS: tuple[str, ...] = (
    # scores
    "Apgars {8/9} at birth.",
    "APGAR scores {7/9}, {8/9} at 1 and 5 minutes.",
    "PHQ-9: {12/27} today, GAD-7 {8/21}.",
    "PHQ-9 score was {11/27}, EPDS {9/30}.",
    "MMSE {11/30}, MoCA {9/30} with deficits in recall.",
    "Mini-cog {3/5}; clock {1/2}.",
    "Braden {11/23}. Morse noted.",
    "GCS {8/15} on arrival, {11/15} after fluids.",
    "NIHSS {4/42}.",
    "Epworth {7/24}, Tinetti {11/28}.",
    "BPP {8/8}, then {6/8}.",
    "Barthel {9/20} now.",
    "CIWA {4/67}, RASS {1/4}.",
    "Nottingham {3/9}; Allred {7/8}.",
    "Recall {2/3}, orientation {9/10}.",
    "Pain rated {7/10}.",
    "Strength {4/7} left, motor {3/9} overall.",
    "Murmur {2/6}, pulses {2/4} in both feet.",
    # vision
    "Visual acuity {6/18} right, {6/24} left.",
    "Vision OD {6/9}, OS {6/7}.",
    "Snellen {6/9} with glasses.",
    # counts of specimens
    "Metastasis in {2/17} axillary lymph nodes.",
    "{3/7} sentinel nodes positive.",
    "Nodes {1/11} on the left.",
    "Metastatic carcinoma in {4/21} pelvic lymph nodes.",
    "Lymph nodes: {0/14}; margins {0/4}.",
    "Positive margins in {3/8} specimens.",
    "Gleason 3+4 in {4/13} biopsies.",
    "Adenocarcinoma in {9/11} cores.",
    "Ki-67 {9/11} cores involved.",
    "Blood cultures drawn {2/2} positive for MRSA.",
    "Grew staph in {1/4} bottles, repeat {3/4} bottles.",
    "Cultures drawn, {2/4} positive.",
    # parts
    "Given {1/2} NS at 75.",
    "Wait after {1/2} hour.",
    "Urine last {1/3} of the day.",
    "Removed {2/3} of the lobe.",
    "Placed {1/2} strength feeds.",
    "Last {2/3} doses held.",
    "Removed {3/4} of tumor.",
    "Follow-up {1/2} tab nightly.",
    "Given {1/2} tablet, then after {3/4} hours another.",
    "Ate last {1/4} of the tray.",
    # what looks like a year
    "NT-proBNP of {2045}, troponin 0.1.",
    "Ferritin {1985}, iron 40.",
    "CK {2010} and rising.",
    "CK was {1998}, then {2044} at noon.",
    "Urine output was {1500}, {2000}, {1800}.",
    "Her CA-125 was {2019} in clinic.",
    "vWF, {1990} units.",
    "EBL {1950}, fluids {2000} crystalloid.",
    "Cr 1.2, {2030} mL out.",
    "D-dimer {2011}, fibrinogen 400.",
    "Troponin peaked, {2013}, and fell.",
    "Lipase of {1967} with pain.",
    "Total protein 6, B12 {2001}, folate 9.",
    "Intake {2040}, output {1960}.",
    "Alk phos {1942} for weeks.",
    "Diet of {2000} for weight.",
    # lengths, pressures and spans
    "PICC line at {12-14} cm.",
    "Central line at {15-16} cm at the skin.",
    "Art line BP {110-120} systolic.",
    "Contact precautions for {10-14} days.",
    "Call for HR {100-120} or less.",
    "Reached goal of {50-60} with therapy.",
)
