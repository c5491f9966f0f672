"""The words and shapes `identifier_detectors` is written in: names, roles, months, streets, labels; as expressions.

Every repetition is bounded: an unbounded one makes a long run of hyphens cost the square of its length.
"""

from __future__ import annotations

# One word of a name: Smith, O'Brien, McBee, Smith-Jones, D.; or in capitals.
# Every repetition is bounded: an unbounded one makes a long run of hyphens cost the square of its length.
WORD = r"(?:(?:[A-Z]['’])?(?:Mc|Mac|De|Van|La|Le)?[A-Z][a-zà-ÿ]{1,30}(?:[-'’][A-Z]?[a-zà-ÿ]{1,30}){0,3})"
CAPITALS = r"(?:[A-Z]['’]?[A-Z]{1,30}(?:[-'’][A-Z]{1,30}){0,3})"
INITIAL = r"(?:[A-Z]\.?(?![a-z]))"
# Words in capitals, or with one, that stand beside names without being part of them.
NOT_NAMES = (
    r"(?!(?:The|This|That|He|She|They|We|I|It|Will|Has|Had|Is|Was|In|On|At|By|For|From|With|And|Or|Patient|Name|Date"
    r"|DOB|Age|Sex|Gender|MRN|Seen|Please|Phone|Fax|Address|Plan|History|Department|Hospital|Clinic|Unknown|None|Practitioner"
    r"|Denies|Type|NAME|DATE|AGE|SEX|PATIENT|ATTENDING|ADMIT|SERVICE|STATUS|SIGNED|NOT|MD|DO|RN|NP|PA|PHD|THE|AND|ON"
    r"|AT|FOR|IS|WAS|HAS|URGENCY|ENTRY|DICTATED)\b)"
)
PART = rf"{NOT_NAMES}(?:{WORD}|{CAPITALS}|{INITIAL})"
FULL = rf"(?:{PART}(?:,?[ ]{{1,3}}{PART}){{0,3}})"
# No tabs: they part the cells of a table.
SEVERAL = rf"(?:{PART}(?:[ ]{{1,3}}{PART}){{1,3}})"
# No "mother" or "father": what follows those labels is a diagnosis.
LABELS = (
    r"(?:patient|pt|full|first|last|legal|preferred|maiden)(?:['’]s)? name|patient|pt"
    r"|attending(?: physician| provider)?|physician|provider|surgeon|assistant|assistant surgeon|co-?surgeon"
    r"|anesthesiologist|radiologist|pathologist|resident|fellow|author|pcp|primary care (?:physician|provider)"
    r"|referring (?:physician|provider|md)|ordering (?:physician|provider)"
    r"|(?:dictated|transcribed|signed|verified|reviewed|read|reported|requested|cosigned|authenticated) by"
    r"|emergency contact|next of kin|guardian|spouse|caregiver|interpreter"
)
PHYSICIANS = r"attending|surgeon|physician|provider|radiologist|pathologist|resident|fellow|pcp"
NOT_A_ROLE = (
    rf"{NOT_NAMES}(?!(?:Attending|Primary|Referring|Covering|Consulting|Ordering|Resident|Outside|Per|Your|Any)\b)"
)
SIGNING = r"(?:electronically )?signed by|dictated by|transcribed by|verified by|reviewed by"
TITLES = (
    r"(?:(?:Drs?|Mr|Mrs|Ms|Miss|Mx|Prof|Rev)\b\.?|(?:DRS?|MRS?|MS|PROF|drs?|mrs?|ms|prof)\."
    r"|Professor\b|Doctor\b|Nurse\b)"
)
SURE_CREDENTIALS = r"(?:M\.?D\.?|R\.?N\.?|Ph\.?D\.?|PA-C|APRN|CRNP|FNP|Pharm\.?D\.?|LCSW)(?!\w)"
CREDENTIALS = rf"(?:{SURE_CREDENTIALS}|(?:D\.?O\.?|N\.?P\.?|P\.?A\.?|DDS|DPM)(?!\w))"
RELATIVES = (
    r"wife|husband|spouse|partner|mother|father|mom|dad|son|daughter|brother|sister|aunt|uncle|grandmother|grandfather"
    r"|friend|neighbor|guardian|caregiver"
)
STREET = (
    r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Place|Way|Terrace|Circle|Highway|Hwy|Parkway|Pkwy"
    r"|Square|Trail"
)
STATES = (
    "AK|AL|AR|AZ|CA|CO|CT|DC|DE|FL|GA|HI|IA|ID|IL|IN|KS|KY|LA|MA|MD|ME|MI|MN|MO|MS|MT|NC|ND|NE|NH|NJ|NM|NV|NY|OH|OK|OR|PA"
    "|RI|SC|SD|TN|TX|UT|VA|VT|WA|WI|WV|WY"
)
TOWN = r"[A-Z][A-Za-z.'-]{1,30}(?:\s{1,5}[A-Z][A-Za-z.'-]{1,30}){0,2}"
TOWN_ONLY = r"[A-Z][a-z][a-z'-]{1,30}(?: [A-Z][a-z'-]{1,30})?"
PLACE = r"[A-Z][a-z][a-z.'-]{1,30}(?:\s[A-Z][a-z.'-]{1,30}){0,2}"
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?|JAN(?:UARY)?|FEB(?:RUARY)?|MAR(?:CH)?|APR(?:IL)?|MAY|JUNE?|JULY?|AUG(?:UST)?"
    r"|SEPT?(?:EMBER)?|OCT(?:OBER)?|NOV(?:EMBER)?|DEC(?:EMBER)?)"
)
DAY = r"(?:0?[1-9]|[12]\d|3[01])"
NTH = r"(?:st|nd|rd|th)?"
# 21xx: the shifted calendar of releases that are shifted already.
YEAR = r"(?:19|20|21)\d\d"
# "on 3/26" is a day; "pain of 7/10", "4/5 strength" and "2/6 murmur" are not.
DAY_FOLLOWS = r"(?:on|since|until|dated|admitted|discharged|seen)[: ]+"
IS_A_GRADE = r"(?!\s*(?:strength|in the|bilateral|systolic|diastolic|pain|murmur|scale))"
NO_DOSE = r"(?!\s*(?:mg|mcg|ml|%|units|tablets|/|\.\d|-year|:))"
NO_AMOUNT = r"(?!\s*(?:mg|mcg|ml|cc|g|units|kcal|steps|cells|copies|%|/)|[.,]\d)"
NUMBER_LABELS = (
    r"(?:MRN|MR ?#|M\.R\.N\.|medical record(?: (?:number|no\.?|#))?|patient (?:id|identifier|number)"
    r"|chart (?:number|no\.?)|account(?: (?:number|no\.?))?|acct|accession(?: (?:number|no\.?))?|member id"
    r"|policy(?: (?:number|no\.?))?|insurance id|health plan(?: id)?|subscriber id|encounter (?:id|number)"
    r"|visit (?:id|number)|medicare|medicaid|csn|npi|dea"
    r"|license(?: (?:number|no\.?))?|serial(?: (?:number|no\.?))?|device id|s/n"
    r"|case (?:number|no\.?)|specimens?(?: (?:id|number))?|slides?|unit (?:number|no\.?)|lot(?: (?:number|no\.?))?"
    r"|(?:study|trial) (?:id|number|subject)|subject|claim(?: (?:number|no\.?))?|order (?:number|no\.?))"
)
NUMBER = r"(?!COVID)(?=[A-Z0-9-]*\d)[A-Z0-9][A-Z0-9-]{3,19}"
PHONE_LABELS = r"(?:phone|tel|telephone|cell|fax|mobile|call|home|work)"
EXTENSION = r"(?:\s*(?:x|ext\.?)\s*\d{1,6})?"
# "Anna Mitchell is a pleasant 40-year-old", "Anna Mitchell, a 40-year-old"
IS_SO_OLD = r",?[ \t]+(?:(?:is|was)[ \t]+)?an?[ \t]+(?:[a-z]+,?[ \t]+){0,4}\d{1,3}[ -]?(?:year|yr|y\.?o|month|week|day)"
# "seen by John Perry", "met with Anna Quist": two names after what people do with one another, unless it is a service.
MET = (
    r"(?:seen|evaluated|examined|assisted|accompanied|followed|interviewed|performed|supervised|covered|joined|treated)"
    r" by"
    r"|(?:met|meet|spoke|spoken|speak|discussed|reviewed|talked) with"
)
NO_SERVICE = (
    r"(?!(?:Neuro\w{0,12}|Onco\w{0,6}|Radi\w{0,8}|Cardi\w{0,8}|Surg\w{0,6}|Medic\w{0,4}|Nurs\w{0,4}|Pharmacy|Social|Case|Physical"
    r"|Occupational|Speech|Palliative|Infectious|Interventional|Critical|Intensive|Emergency|Primary|Internal|Family"
    r"|Pediatric\w?|Orthop\w{0,6}|Vascular|General|Home|Blood|Tumor|Risk|Quality|Endocrin\w{0,5}|Gastro\w{0,12}|Hemat\w{0,6}"
    r"|Nephro\w{0,4}|Psych\w{0,6}|Patho\w{0,5}|Pulmo\w{0,6}|Rheuma\w{0,6}|Derm\w{0,8}|Uro\w{0,5}|Trauma|Transplant|Wound|Pain"
    r"|Hospital\w{0,3}|Outpatient|Inpatient|Brain|Head|Chest|Vital|Review|Labs?|Imaging|Anesth\w{0,8}|Ophthal\w{0,6}|Geri\w{0,6}"
    r"|Plastic|Sleep|Stroke|Thoracic|Acute|Care|Consult\w{0,5}|Child|Spiritual|Chaplain\w{0,2}|Respiratory|Nutrition)\b)"
)
SAYS = (
    r"present(?:ed|s)|reports|reported|denies|denied|states|stated|returns|returned|complains|complained|feels|agrees|agreed"
    r"|called|tells|told|says|said|describes|described|endorses|endorsed|underwent"
)
NINETY = (
    r"(?:ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|(?:one|a)[ -]hundred(?:[ -](?:and[ -])?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))?)"
)
# What may stand, with a capital, before a surname without being a given name.
NO_GIVEN_NAME = (
    r"(?!(?:While|When|As|If|Since|After|Before|Both|Although|However|Today|Overall|Regarding|Because|Until|Did|Does|Can|Per"
    r"|To|Of|Dr|Mr|Mrs|Ms|Miss|Prof|Nurse|Doctor|Professor)\b)"
)
STATES_IN_FULL = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    "|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri"
    "|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma"
    "|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington"
    "|West Virginia|Wisconsin|Wyoming"
)
# Month and day without a year.
MONTH_DAY = rf"(?:0?[1-9]|1[0-2])/{DAY}(?![\d/%])"
CLOCK = r"(?:[01]\d|2[0-3]):?[0-5]\d\b"
# What begins with a capital where a name could stand, and is none: who works or lives here, what is done, when, where.
NO_PERSON = (
    NO_SERVICE
    + NOT_NAMES
    + r"(?!(?:Pt|Patients?|Mother|Father|Wife|Husband|Daughter|Son|Sister|Brother|Family|Parents?|Mom|Dad|Spouse"
    r"|Partner|Caregiver|Guardian|Relatives?|Friends?|Nurses?|Resident|Attending|Fellow|Staff|Team|Provider|Physician"
    r"|Caller|Client|Informant|Historian|Doctor|Surgeon|Student|Interpreter|Chaplain|Police|Everyone|Nobody|Who|Which|And|But|Also|Still|Again|Then|Now"
    r"|Today|Tonight|Overnight|Otherwise|However|Never|Always|Not|No|Only|Further|Once|Please|Both|Either|Neither|All"
    r"|Any|Each|Other|Another|Our|Your|His|Her|Their|My|What|Where|There|Here|Let|Would|Could|Should|May|Might|Must|Do"
    r"|Does|Did|Continue|Needs?|Start|Stop|Hold|Follow|Followup|Return|Repeat|Check|Call|Page|Schedule|Appointment"
    r"|Visit|Office|Notes?|Notified|Aware|Name|Number|Protocol|Guidelines?|Policy|Orders?|Reports?|Records?|Request"
    r"|Routine|Recommend\w{0,8}|Pharm\w{0,5}|Medicare|Insurance|Hospice|Rehab\w{0,10}|Ortho|Plastics|Heme|Renal|Cards"
    r"|Rads|Path|Rheum|Derm|Endo|Gyn|Obstetrics|Dental|Dietary|Lab|Micro\w{0,10}|Bed|Room|Unit|Floor|Ward|North|South"
    r"|East|West|Left|Right|Night|Day|Morning|Evening|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January"
    r"|February|March|April|June|July|August|September|October|November|December|\w{2,20}ly)\b)"
)
PERSON = rf"{NO_PERSON}{WORD}"
PERSONS = rf"{NO_PERSON}(?:{SEVERAL}|{WORD},[ \t]{{1,3}}{NOT_NAMES}{WORD})"
# Who takes over, is asked, or answers for somebody: one name is enough. After the others two are needed.
PASSED_ON = (
    r"handed (?:off|over) to|signed out to|d/w|as per|discussed w(?:/|ith)|on behalf of|paged"
    r"|on[- ]call(?: \w{1,12})?:|under the care of|care of|goes by|known as|nicknamed|prefers to be called"
    r"|calls (?:him|her)self"
)
TOLD = (
    r"(?:consent|history|information|permission|report)(?: (?:was|is|were))?(?: (?:obtained|taken|given|provided))?"
    r" (?:from|by)"
    r"|(?:obtained|provided|accompanied|reported|given|brought in) (?:from|by)"
    r"|(?:called|explained|reported|communicated|relayed|conveyed|given|sent|forwarded|spoke|spoken|talked|referred) to"
    r"|(?:spoke|met|discussed|talked|reviewed) w/|(?:for|of) (?:referring|sending)|referral of"
    r"|pleasure (?:of|to) (?:seeing|meeting|see|meet|caring for|care for|evaluating|evaluate)"
    r"|\b(?:I|we) (?:saw|met|examined)"
)
ROLES = (
    r"PCP|attending|surgeon|oncologist|neurologist|neurosurgeon|cardiologist|radiologist|pathologist|fellow|resident"
    r"|hospitalist|intensivist|nurse|midwife|interpreter|social worker|case manager"
)
# What only a person does, or has done to him by name.
PERSON_SAYS = r"reports|denies|states|endorses|complains|feels|says|tells"
PERSON_WAS = (
    r"(?:was|is|has been|will be) (?:re)?(?:admitted|discharged|brought|born|extubated|intubated|consented|counsel+ed"
    r"|instructed|informed|notified)"
)
PERSON_WILL = r"to (?:follow up|follow|see|call|staff|cosign|co-sign|sign|arrange)"
PEOPLE_LABELS = (
    r"hcp|health ?care proxy|(?:durable )?poa|power of attorney|nok|contact person|surgeons|assistants|physicians"
    r"|attendings|consultants?|covering(?: \w{1,12})?"
)
SALUTATION = r"(?:[Rr][Ee]|[Cc][Cc]|[Aa]ttn|ATTN|Copy to|Subject)"
# In capitals on a line of its own, in two words: a region of the body, not "QUIST, ANNA".
NO_REGION = (
    r"(?!(?:HEAD|NECK|CHEST|ABDOMEN|PELVIS|SPINE|BRAIN|HEART|LUNGS?|LIVER|KIDNEYS?|SKIN|EYES?|EARS?|NOSE|THROAT|MOUTH"
    r"|BACK|ARMS?|LEGS?|HANDS?|FEET|BONES?|NAUSEA|PAIN|FEVER|COUGH|HISTORY|EXAM|LABS?|PLAN|FINDINGS|IMPRESSION"
    r"|ASSESSMENT|LEFT|RIGHT|CT|MRI|MR|PET|XR|US|FINAL|NO|WITH|WITHOUT|BLOOD|URINE|STOOL|SPUTUM|SEPSIS|STROKE|ANEMIA"
    r"|\w{1,20}(?:ITIS|OSIS|OMA|EMIA|URIA|PATHY|ALGIA|ECTOMY|SCOPY|GRAM|GRAPHY|TION|IBLE|ABLE|IVE))\b)"
)
DEAD_OR_ALIVE = r"(?:died|dead|passed(?: away)?|deceased|expired|lived|living|alive|alive and well)"
# Two words with capitals after a preposition, in running text, are somebody: unless the second says what they are. Not
# after "with": that is how drugs are given.
AFTER = r"(?:by|for|from|to)"
NO_TERM = (
    r"(?!(?:Disease|Syndrome|Lymphoma|Sarcoma|Tumou?rs?|Cancer|Disorder|Palsy|Fracture|Infection|Failure|Hospitals?"
    r"|Cent(?:er|re)s?|Clinics?|Medical|Health|Care|Department|Therapy|Catheter|Tube|Drain|Line|Score|Scale|Test|Index"
    r"|Criteria|Class|Stage|Grade|Type|Phase|Study|Trial|Service|Services|Surgery|Medicine|Imaging|Facility|Home|House"
    r"|Program|Insurance|Street|Avenue|Road|Reviewed|Signed|Assessment|Plan|Exam|Results?|Function|Status|Conditions?)\b)"
)
