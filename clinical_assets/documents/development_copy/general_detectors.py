"""Numbers, dates, addresses and what stands for a name online, by general shapes.

For every kind of identifier there is a signal that does not depend on how a sentence is put: a run of digits longer
than any result of a test, a cue word of its kind anywhere before a number, a day and month that are neither score nor
ratio, a street's type after a word with a capital. The rows of `identifier_detectors` are more certain and come first.
"""

from __future__ import annotations

import re

from clinical_assets.documents.development_copy.identifier_words import DAY, MONTH, NO_AMOUNT, STREET, YEAR
from clinical_assets.documents.development_copy.identifiers import AGE, DATE, NAME, NUMBER, PHONE, Detector, detector

_I = re.IGNORECASE
_NO_AMOUNT = rf"(?i:{NO_AMOUNT})"
_WEEKDAY = (
    r"(?:Mon|Tue|Tues|Wed|Weds|Thu|Thur|Thurs|Fri|Sat|Sun|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
)
_FOREIGN_MONTH = (
    r"(?:Januar|Jänner|Februar|März|Mai|Juni|Juli|Oktober|Dezember|janvier|février|mars|avril|mai|juin|juillet|août"
    r"|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre"
    r"|noviembre|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|novembre|dicembre"
    r"|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|dezembro)"
)
_HOLIDAY = (
    r"(?:Christmas(?: Eve| Day)?|Boxing Day|New Year(?:['’]?s)?(?: Eve| Day)?|Thanksgiving(?: Day)?|Easter(?: Sunday"
    r"| Monday)?|Good Friday|Ash Wednesday|Palm Sunday|Pentecost|Halloween|Hallowe['’]en|Labou?r Day|Memorial Day"
    r"|Independence Day|Veterans['’]? Day|Presidents['’]? Day|Columbus Day|Juneteenth|MLK Day|Martin Luther King Day"
    r"|(?:Fourth|4th) of July|July (?:Fourth|4th)|Valentine['’]?s(?: Day)?|St\.? Patrick['’]?s Day|Mother['’]?s Day"
    r"|Father['’]?s Day|Groundhog Day|Super Bowl Sunday|Mardi Gras|Cinco de Mayo|Hanukkah|Chanukah|Passover"
    r"|Rosh Hashanah?|Yom Kippur|Purim|Sukkot|Ramadan|Eid(?: al-\w{1,6})?|Diwali|Holi|Nowruz|Lunar New Year"
    r"|Chinese New Year|Tet|Kwanzaa|Bank Holiday|Bastille Day|Canada Day|Guy Fawkes)"
)
_NTH = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth"
    r"|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth|(?:twenty|thirty)[- ]?(?:first"
    r"|second|third|fourth"
    r"|fifth|sixth|seventh|eighth|ninth))"
)
# "the 14th" is a day where no noun follows that it counts: the 5th finger, the 12th rib.
_NO_NOUN = (
    r"(?=[.,;:)]|[ \t]*$|[ \t](?:of|at|for|with|and|to|by|in|or|when|we|she|he|they|after|before|if|as|per|she|it)\b)"
)
# Day and month as 3/14; a nought or a small number below is a score (4/5, 7/10), a count of nodes or vision (20/40).
# What is found so may still be a result: it is weak, and passed over where a scale or a thing counted stands beside it.
_SLASHED = r"(?:0?[1-9]|1[0-2])/(?:[789]|11|1[346789]|2[1-9]|31)"
_COUNTED = (
    r"(?:(?:axillary|sentinel|lymph|pelvic|cervical|regional|mediastinal|hilar|inguinal|retroperitoneal|para-?aortic"
    r"|left|right|bilateral|resected|examined|involved|sampled|submitted|biopsy|blood|core|needle|prostate|culture)[ ])"
    r"{0,3}(?:nodes?|LNs?|cores?|lymph|positive|negative|pos|neg|blocks|slices|strength|systolic|murmur|scale|points"
    r"|correct|pain|teeth|pads|leads|electrodes|segments|quadrants|ribs|fields|slides|sections|samples|doses?|cycles"
    r"|fractions|biops(?:y|ies)|specimens?|margins?|bottles?|sets?|cultures?|passes|vessels|joints?|criteria|items"
    r"|words|objects|questions|attempts|episodes|siblings|children|tabs?|tablets?|pills?|NS|saline|LR|D5\w*|hours?|hrs?"
    r"|of (?:the|a|an|his|her|its|all|those|these|tumou?r|patients|cores|nodes|bottles|samples)"
    r"|mg|mcg|mL|in|inch|tsp|cup|pints?|packs?)(?![\w-])"
)
_IS_A_COUNT = rf"(?![\d/%]|[.-]\d|\s{{0,2}}{_COUNTED})"
_SCALE = re.compile(
    r"\b(?:apgars?|(?:phq|gad|eat|pcl|epds|bdi|ham-?[da])(?:-?\d{1,2})?|mmse|moca|mini-?cog|mini-?mental(?: status"
    r" exam)?|slums|acuity|vision|snellen|OD|OS|OU|braden|norton|morse|gleason|bishop|ranson|aldrete|ramsay"
    r"|ciwa(?:-ar)?|cows|flacc|rass|edinburgh|barthel|katz|lawton|i?adls?|kps|ecog|nihss|gcs|glasgow|tinetti|berg"
    r"|epworth|cage|audit(?:-c)?|dast(?:-10)?|mdq|y-?bocs|q?sofa|meld|curb-?65|aims|allred|nottingham|ki-?67|bpp|biophysical"
    r" profile|scores?|scored|scale|rated|rating|recall|orientation|clock|strength|power|motor|reflex(?:es)?|dtrs?"
    r"|pulses?|murmur|margins?|ratio|faces|wong-?baker|nodes?|lns?)\b"
    r"(?:(?:was|is|are|were|of|in|now|today|scores?|right|left|both|about|rated|at|and|positive|with|to|then"
    r"|total|min(?:utes?)?|od|os|ou|[rl])\b|[\s:=(),/+-]|\d{1,2}(?:/\d{1,2})?){0,12}\Z",
    re.IGNORECASE,
)
# "Cultures drawn 2/2 positive": so many of as few.
_ALL = r"(?:1/[1-4]|2/[2-4]|3/[34]|4/4)(?!\d)"
# Of a kind that is no result, before a year without a word of time.
_EVENT = (
    r"(?:\w{2,20}(?:ectomy|otomy|ostomy|plasty|oscopy|desis)|surgery|repair|replacement|transplant|resection|biopsy|stent"
    r"(?:ing)?|bypass|CABG|PCI|ablation|pacemaker|chemo(?:therapy)?|radiation|XRT|RT|stroke|CVA|TIA|MI|infarct(?:ion)?"
    r"|fracture|accident|MVA|MVC|diagnosis|dx|c-?section|delivery|birth|divorce|wedding|retirement|war|service"
    r"|deployment|cancer|lymphoma|melanoma|carcinoma|sarcoma|leukemia|DVT|PE|admission|hospitali[sz]ation)"
)
_AFTER_A_COUNT = r"(?<!score )(?<!scored )(?<!nodes )(?<!nodes: )(?<!grade )(?<!was )(?<!of )(?<![\d/.])"
# What may stand between a cue and its number.
_IS = r"[ \t]{0,2}(?:(?:number|num|no\.?|nr\.?|nbr|code|id|is|was|of|ending(?: in)?|#|:|=|-)\s{0,2}){0,3}"
# A number with letters: at least three digits in it.
_CODE = (
    r"(?=(?:[A-Z]{0,6}[-. /]?)?(?:[A-Z0-9]{0,8}[-./ ]?){0,3}\d)[A-Z0-9]{1,14}(?:[-./ ]?[A-Z]{0,3}\d[A-Z0-9]{0,11}){0,3}"
)
_NUMBERED = (
    r"(?:passport|licen[cs]e|lic|DL|driver['’]?s licen[cs]e|(?:license|car|number) plates?|plates?|VIN|registration|reg"
    r"|badge|bracelet|wristband|armband|ID band|insurance|member|membership|group|policy|subscriber|beneficiary|voucher"
    r"|certificate|permit|visa|green card|NHS|CHI|BSN|IBAN|hospital|chart|file|folder|record|docket|docket no"
    r"|police report|incident|report|requisition|req|reference|ref|confirmation|tracking|authori[sz]ation|auth"
    r"|referral|claim|invoice|account|acct|card|room key|locker|inmate|prisoner|student|employee|staff|user(?:name)?"
    r"|login|handle|interpreter(?: id)?|operator|caller|ticket|case(?: file)?|dossier|sample|specimen|barcode|label|kit"
    r"|serial|ser\.?|S/N|model|device|implant|generator|lead|pump|valve|scanner|batch|lot|Rx|prescription|script"
    r"|donor|recipient|UNOS|registry|protocol|enrol?lment|screening|randomi[sz]ation|subject|participant|bed key"
    r"|identifier|identification|ID|MRN|PIN|tax|TIN|EIN|NPI|DEA|CSN|HIC|SSN|dial|pager|beeper|ext|extension)"
)
_DOMAIN = r"(?:com|org|net|edu|gov|info|io|biz|health|care|us|uk|ca|de|fr|nl|ie|au|nz|example|test|invalid)"
_SURE_ROAD = r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Highway|Hwy|Parkway|Pkwy|Terrace|Crescent)"
_ROAD = (
    rf"(?:{STREET}|Crescent|Close|Grove|Hill|Row|Mews|Gardens|Quay|Walk|Rise|Path|Alley|Plaza|Pike|Turnpike|Loop|Bend"
)
_ROAD += r"|Crossing|Route|Green|Gate|Broadway|straße|strasse|weg|allee)"
_STREET_NAME = r"(?:[A-Z][\w'’-]{1,30}|\d{1,3}(?:st|nd|rd|th))"

GENERAL: tuple[Detector, ...] = (
    # online
    detector("url", rf"\b(?:[\w-]{{1,63}}\.){{1,4}}{_DOMAIN}\b(?:/[^\s<>\"')]*)?(?!\.\w|@)", _I),
    detector("url", r"(?<![\w@.])@[A-Za-z][\w.]{2,30}(?<!\.)"),
    detector("ip", r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b|\b(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\b", _I),
    detector("address", r"-?\b\d{1,3}\.\d{4,8},\s{0,2}-?\d{1,3}\.\d{4,8}\b"),
    # phone: groups of digits after a nought or in brackets; seven digits with a hyphen
    detector(PHONE, r"(?<![\w.,/-])0\d{2,4}[ -/]?\d{3,4}[ -]?\d{3,4}(?![\w%-]|[.,]\d)"),
    detector(PHONE, r"(?<![\w.,/-])\(0?\d{2,4}\)[ -]?\d{3,4}[ -]?\d{3,5}(?![\w%-]|[.,]\d)"),
    detector(PHONE, rf"(?<![\w.,/-])[2-9]\d{{2}}[-.]\d{{4}}(?![\w%-]){_NO_AMOUNT}"),
    detector(PHONE, rf"(?<![\w.,/-])1?[-. ]?[2-9]\d{{2}}[-. ]\d{{3}}[-. ]\d{{4}}(?![\w%-]){_NO_AMOUNT}"),
    detector(
        PHONE,
        r"\b(?:call(?:ed|back)?|phone[sd]?|tel|telephone|cell|mobile|text(?:ed)?|fax(?:ed)?|dial|reach(?:ed"
        r"|able)?|contact"
        r"|hotline|(?<!PICC )(?<!art )(?<!arterial )(?<!central )(?<!IV )(?<!gum )(?<!hair )(?<!suture )line"
        r"|voicemail|whatsapp|pager|paged?|beeper|ext)\b[^\d\n]{0,25}?"
        r"(?!\d{1,3}\.\d\b)(?!\d{1,3} ?(?:-|to) ?\d{1,3}(?![\d-]))"
        rf"(?P<it>\d[\d() .-]{{2,14}}\d)\b{_NO_AMOUNT}"
        r"(?![:/])",
        _I,
    ),
    # numbers: what a cue word numbers; then runs of digits longer than any result
    detector(
        NUMBER,
        rf"\b(?i:{_NUMBERED}){_IS}(?!COVID|[A-Z]+ \d+ ?%)"
        r"(?P<it>(?-i:(?=(?:[A-Z]{1,4} )?[A-Z0-9./-]{0,12}\d\d\d|[A-Z]{1,3} \d\d \d\d)"
        rf"{_CODE}))\b{_NO_AMOUNT}",
    ),
    detector(
        NUMBER,
        r"\b(?i:user ?name|user|login|handle|screen name|gamertag)\s{0,2}:?\s{0,2}(?P<it>[a-z]\w{2,20}[\d_]\w{0,10})\b",
    ),
    detector(NUMBER, rf"(?<![\w.,/$€£-])\d{{6,20}}(?![\w,/%]|\.\d|-\d){_NO_AMOUNT}"),
    detector(
        NUMBER,
        rf"(?<![\w.,/-])(?=[A-Z0-9-]*[A-Z])(?=(?:[A-Z-]*\d){{5}})"
        rf"[A-Z0-9]{{1,14}}(?:-[A-Z0-9]{{1,12}}){{0,4}}\b{_NO_AMOUNT}",
    ),
    detector(
        NUMBER,
        rf"(?<![\w.,/-])(?=(?:\d+-){{2}}|[\d-]{{8}})\d{{2,8}}(?:-\d{{2,8}}){{1,4}}(?<=\d{{4}})(?![\w%/-]){_NO_AMOUNT}",
    ),
    detector(NUMBER, r"(?<![\w.,/-])\d{3}(?P<mark>[ -])\d{3}(?P=mark)\d{3,4}(?![\w%/-])"),
    detector(NUMBER, r"#\s?(?P<it>[A-Z]{0,4}-?\d{4,12})\b"),
    # streets
    detector(
        "address",
        rf"\b(?:\d{{1,6}}[A-Za-z]?,?\s(?:[NSEW]\.?\s)?(?:{_STREET_NAME}\s){{1,3}}{_ROAD}"
        rf"|(?:(?!The\b){_STREET_NAME}\s){{1,2}}{_SURE_ROAD})\b\.?"
        rf"(?:\s(?:and|&)\s(?:{_STREET_NAME}\s){{1,2}}(?:{_ROAD}\b\.?)?)?",
    ),
    detector(
        "address",
        r"\b(?:corner|intersection|junction) of (?P<it>[A-Z][\w'’-]{1,30}(?: [A-Z][\w'’-]{1,30})?"
        r"(?: and | & )[A-Z0-9][\w'’-]{1,30}(?: [A-Z][\w'’-]{1,30})?)",
    ),
    detector(
        "address",
        r"\b(?:at|to|address:?|home:?|on) (?P<it>\d{1,5}[A-Za-z]? (?:(?!(?:North|South|East|West|Tower|Main)\b)"
        r"[A-Z][a-z'’-]{2,30} ?){1,3})(?=[,.;)\n]|$)",
        re.MULTILINE,
    ),
    detector(
        "address",
        r"\b(?i:apt|apartment|unit|flat|suite|trailer|lot|room)\.? #?(?P<it>\d{1,5}[A-Z]?|[A-Z]\d{0,4})"
        r"(?=,? (?:of|on|at|in|[A-Z]))(?! (?i:of (?:blood|packed|insulin)))",
    ),
    detector("address", r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"),
    detector("address", r"\b[A-Z]\d[A-Z] \d[A-Z]\d\b"),
    # dates
    detector(DATE, rf"\b{_HOLIDAY}(?![\w])"),
    detector(DATE, rf"\b{DAY}(?:st|nd|rd|th)?\.?\s(?:de |of )?{_FOREIGN_MONTH}(?:,?\s(?:de |del )?{YEAR})?\b"),
    detector(DATE, rf"\b(?:{_FOREIGN_MONTH}|{MONTH})\.?,?\s(?:de |del |of )?{YEAR}\b"),
    detector(DATE, rf"\b(?:{MONTH})\.? the {DAY}(?:st|nd|rd|th)\b"),
    detector(DATE, rf"\b(?:{MONTH})\.? (?:the )?{_NTH}\b"),
    detector(DATE, rf"\b(?i:(?:the )?{_NTH}(?: day)? of (?:this month|next month|last month|{MONTH}))\b"),
    detector(DATE, rf"\b{DAY}(?:st|nd|rd|th) (?:of )?(?:this|next|last) month\b"),
    detector(DATE, rf"\b{DAY}(?:st|nd|rd|th)? (?:of )?{MONTH}\b\.?(?: ['’]?\d\d\b)?(?!\s?/)"),
    detector(DATE, rf"\b{MONTH}[ -]\d\d\b(?!\s*(?:mg|%|mcg|units|am|pm|:))"),
    detector(
        DATE,
        rf"\b(?:{_WEEKDAY}\.?,?(?: the)?|the|on)[ \t](?P<it>(?:[6-9]|[12]\d|3[01])(?:st|nd|rd|th)){_NO_NOUN}",
        re.MULTILINE,
    ),
    detector(DATE, rf"\b{_WEEKDAY}\.?,?(?: the)?[ \t](?P<it>{DAY}(?:st|nd|rd|th)){_NO_NOUN}", re.MULTILINE),
    detector(DATE, rf"\b{_WEEKDAY}\.?,? ?(?P<it>(?:0?[1-9]|1[0-2])[/.-]{DAY})(?![\d/%])"),
    detector(DATE, rf"\b{_WEEKDAY}\.?,? (?P<it>{DAY})(?=[.,;)]|\s*$)(?!\.\d)", re.MULTILINE),
    detector(DATE, rf"{_AFTER_A_COUNT}{_SLASHED}{_IS_A_COUNT}(?!\w)", weak=True, unless_after=_SCALE),
    detector(
        DATE,
        r"\b(?i:on|since|until|till|by|from|thru|through|before|after|dated?|due|planned|scheduled|week of|as of"
        r"|starting|started|began|beginning|ending|ended|born|seen|visit|appointment|appt|follow[- ]?up|f/u"
        r"|return|rtc|last|next"
        r"|admitted|discharged|d/c|surgery|effective|expires?|exp|given|placed|removed|drawn|collected|updated"
        r"|reviewed)"
        rf"(?: date)?:? (?P<it>(?![0-5]/5\b|\d\d?/10\b)(?!(?<=(?i:drawn) ){_ALL}|(?<=(?i:given) ){_ALL}"
        rf"|(?<=(?i:after) ){_ALL}|(?<=(?i:last) ){_ALL})(?:0?[1-9]|1[0-2])/{DAY})(?![\d/%])"
        rf"(?!\s*(?:nodes|cores|strength|pain|murmur|in the|scale|of)\b){_IS_A_COUNT}",
        weak=True,
        unless_after=_SCALE,
    ),
    detector(
        DATE, rf"(?<![\d/.])(?:0?[1-9]|1[0-2])/{DAY} ?(?:-|–|to|thru|through) ?(?:0?[1-9]|1[0-2])/{DAY}(?![\d/%])"
    ),
    detector(
        DATE,
        rf"(?<![\d.,-])(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.(?:{YEAR}|\d\d)?(?![\d.])(?=[\s,;)]|$)",
        re.MULTILINE,
    ),
    detector(DATE, rf"(?<![\w/.-]){DAY}-{MONTH}\b(?:-\d{{2,4}})?"),
    detector(
        DATE,
        rf"\b(?:Q[1-4]|[1-4]Q|H[12])[ ]?['’]?(?:{YEAR}|\d\d)\b|\b(?i:first|second|third|fourth) quarter of {YEAR}\b",
    ),
    detector(DATE, r"(?<![\w])['’]\d\d\b(?!['’\w])"),
    detector(
        DATE,
        rf"\b(?i:class of|graduated|retired|married|widowed|divorced|born|died|diagnosed|quit|stopped|moved|dx"
        rf"|onset|since about"
        r"|last in|back in|year|fall|during|summer|spring"
        r"|winter|autumn)"
        rf"(?: in| of)?,? (?P<it>{YEAR})\b{_NO_AMOUNT}(?![-/:])",
    ),
    # these stand before amounts and times of day, too
    detector(
        DATE,
        rf"\b(?i:around|about|approximately|approx\.?|by|before|after),? (?P<it>{YEAR})\b{_NO_AMOUNT}(?![-/:])",
        weak=True,
    ),
    detector(
        DATE,
        rf"\b(?:{_EVENT}|(?:{MONTH})\.?(?: {DAY})?),? ?(?P<it>(?:19[3-9]\d|20\d\d|21[1-9]\d))"
        rf"(?=[,;)]| (?:at|with|for|by|and|in|after)\b|\.(?:\s|$)|\s*$){_NO_AMOUNT}",
        re.MULTILINE,
        weak=True,
    ),
    # ages above 89
    detector(AGE, r"\b(?i:nonagenarian|centenarian|supercentenarian)s?\b"),
    detector(AGE, r"\b(?P<it>9\d|1[01]\d)(?=(?:st|nd|rd|th)? (?:birthday|years? (?:young|of age)))", _I),
    detector(
        AGE,
        r"\b(?i:age[ds]?|turn(?:s|ed|ing)|will be|now|just)[ :]{1,2}(?P<it>9\d|1[01]\d)\b"
        r"(?=[.,;)]|\s*$| (?i:years?|y\.?o|and|next|this|on|with|in)\b)",
        re.MULTILINE,
    ),
    detector(
        AGE,
        r"(?:^|[.!?:]\s|\b(?:a|an|this)\s|, )(?P<it>9\d|1[01]\d)"
        r"(?=[ -]?(?:yo|y/o|yr|yrs|year|M\b|F\b|m\b|f\b|male\b|female\b))",
        re.MULTILINE,
    ),
    # what is written of names without a capital, and initials
    detector(
        NAME,
        r"\b(?:[Ii]nitials?|[Ss]igned|[Ii]nit\.?):? (?!NOT|BY|YET|OFF|MD|RN|NP|PA)"
        r"(?P<it>[A-Z](?:\.?[A-Z]){1,2}\.?)(?!\w)",
    ),
    detector(NAME, r"(?<=[-–—] )(?P<it>[A-Z]\. ?(?:[A-Z]\. ?)?[A-Z][a-z]{2,30})"),
    detector(NAME, r"(?:^|\s)/s/ (?P<it>[A-Z][\w.'’-]{0,30}(?: [A-Z][\w.'’-]{0,30}){0,3})", re.MULTILINE),
)
