"""What people with common given names are called; written for this project from general knowledge, in small letters.

A document may call by any of them somebody whose record has another. The list is short on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

_CALLED = """
alexander alex xander sasha; alexandra alex sandra sasha lexi; andrew andy drew; anthony tony; antonio tony
toni; barbara barb babs; benjamin ben benny; catherine cathy cate kate; charles charlie chuck; christina tina
chris chrissy; christopher chris kit topher; daniel dan danny; david dave davey; deborah deb debbie; donald don
donnie; dorothy dot dottie; edward ed eddie ned ted; eleanor ellie nell nora; elizabeth liz lizzie beth betty
betsy eliza libby; eugene gene; frances fran franny; francisco paco pancho; frederick fred freddie; gerald
jerry; gregory greg; guadalupe lupe; harold hal; helen nell; henry hank harry; isabella bella izzy; jacqueline
jackie; james jim jimmy jamie; jeffrey jeff; jennifer jen jenny; jessica jess jessie; john jack johnny; jonathan
jon; jose pepe; joseph joe joey; josephine jo josie; judith judy; katherine kathy kate katie kay kit; kathleen
kathy kate; kenneth ken kenny; lawrence larry; leonard len lenny; margaret maggie meg peg peggy margie; maria
mia; martha marty; matthew matt; maximilian max; michael mike mick mickey; nathaniel nate nathan; nicholas nick
nicky; pamela pam; patricia pat patty trish tricia; patrick pat paddy; peter pete; philip phil; rafael rafa;
raymond ray; rebecca becky becca; richard dick rick ricky richie; robert bob bobby rob robbie bert; roberto
beto; ronald ron ronnie; samantha sam; samuel sam sammy; sarah sally sadie; stephen steve stevie; steven steve;
susan sue susie; suzanne sue; theodore ted teddy theo; thomas tom tommy; timothy tim timmy; valentina val;
victoria vicky tori; vincent vince vinny; virginia ginny; walter walt; william will bill billy liam willie;
zachary zach zack
"""


def _by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in _CALLED.split(";"):
        name, *called = row.split() or [""]
        if name:
            found[name] = tuple(called)
    return found


NICKNAMES: Mapping[str, tuple[str, ...]] = _by_name()
"""By given name."""
