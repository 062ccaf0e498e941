"""Matching's decisions: how a need's acts follow each other, and what a score means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta

from shared.contracts.matching import Band, NeedState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_OURS = Text("the platform's rules for needs", "平台需求规则")

_S = NeedState
TRANSITIONS: dict[str, tuple[frozenset[NeedState], NeedState]] = {
    "publication": (frozenset({_S.DRAFT, _S.PAUSED, _S.EXPIRED}), _S.PUBLISHED),
    "pause": (frozenset({_S.PUBLISHED, _S.MATCHED}), _S.PAUSED),
    "closing": (frozenset({_S.DRAFT, _S.PUBLISHED, _S.MATCHED, _S.PAUSED, _S.EXPIRED}), _S.CLOSED),
}


@rule("ND-STATE", source=_OURS, since="2026-11-22")
def next_state(state: NeedState, act: str) -> NeedState | Refusal:
    """An act on a need is done in the states that its transition starts from, and in no other."""
    before, after = TRANSITIONS[act]
    if state in before:
        return after
    possible = ", ".join(sorted(act_ for act_, (from_, _) in TRANSITIONS.items() if state in from_)) or "none"
    return Refusal(
        "ND-STATE",
        Text(f"a need in state {state} takes no {act}", f"{state} 状态的需求不能进行 {act}"),
        Text(f"acts possible now: {possible}", f"目前可进行：{possible}"),
    )


@rule("ND-EDIT", source=_OURS, since="2026-11-22")
def may_edit(state: NeedState) -> Refusal | None:
    """A closed or fulfilled need is a record and is not changed any more."""
    if state not in (NeedState.CLOSED, NeedState.FULFILLED):
        return None
    return Refusal(
        "ND-EDIT",
        Text(f"a need in state {state} is not changed any more", f"{state} 状态的需求不能再修改"),
        Text("record a new need", "请新建需求"),
    )


def lasting(state: NeedState) -> NeedState:
    """The state as it is recorded: that time is over is said by `expires_at`, not by a state."""
    return NeedState.PUBLISHED if state is NeedState.EXPIRED else state


def state_on(state: NeedState, expires_at: datetime | None, now: datetime) -> NeedState:
    """A published need whose time is over is EXPIRED, without anybody having done anything."""
    if state in (NeedState.PUBLISHED, NeedState.MATCHED) and expires_at is not None and now >= expires_at:
        return NeedState.EXPIRED
    return state


# Logistic regression of "fairly strong or better" on the square root of what words and characters contribute,
# over 7,607 pairs of real needs and results judged by transfer staff (cross-validated log loss 0.345, base rate
# 0.127). Those results are bare titles without classes, so that the class vote has no part in the
# probability; feedback on full listings will recalibrate it.
FIT_SLOPE, FIT_INTERCEPT = 6.751, -3.703
STRONG, FAIR = 0.35, 0.20


def fit(score: float) -> float:
    """The probability that transfer staff would call a match fairly strong or better, by the score of its text."""
    return round(1.0 / (1.0 + math.exp(-(FIT_SLOPE * math.sqrt(max(score, 0.0)) + FIT_INTERCEPT))), 4)


def band(fit_: float) -> Band:
    """The probability in one word."""
    return "STRONG" if fit_ >= STRONG else "FAIR" if fit_ >= FAIR else "WEAK"


_PROPER = ("nr", "ns", "nt", "nz", "j", "eng")  # tags of names of people, places and bodies, other names, short forms
_BODY = re.compile(r"公司|集团|厂|大学|学院|研究所|研究院|合作社")
_KIND = re.compile(
    r"(?:有限|责任|股份|总|分|子|工)*(?:公司|集团|厂|大学|学院|研究所|研究院|合作社)|[我本贵该][公司厂]+"
)
_NAME_LONGEST = 3  # words before 公司 that may be part of the name
_FIGURE = re.compile(r"\d{5,}")  # telephone numbers, credit codes
MASK = "＊＊"


@rule("ND-MASK", source=_OURS, since="2026-11-22")
def masked(words: Sequence[tuple[str, str]], is_common: Callable[[str], bool]) -> str:
    """Of an anonymized need, names, figures of five digits and more, and words before 公司 are shown only where they are common.

    `words`: a text cut into words with their tags.
    """
    hidden = {
        number
        for number, (word, tag) in enumerate(words)
        if (tag.startswith(_PROPER) or _FIGURE.search(word)) and any(map(str.isalnum, word)) and not is_common(word)
    }
    for number, (word, _) in enumerate(words):
        if _BODY.search(word):
            if not (_KIND.fullmatch(word) or is_common(word)):
                hidden.add(number)  # 达厂: the cut went through a name
            for before in range(number - 1, max(-1, number - 1 - _NAME_LONGEST), -1):
                if words[before][1][:1] not in "njv" or is_common(words[before][0]):
                    break
                hidden.add(before)
    text = "".join(MASK if number in hidden else word for number, (word, _) in enumerate(words))
    return re.sub(f"(?:{re.escape(MASK)})+", MASK, text)


@rule("SB-DUE", source=_OURS, since="2026-11-22")
def due(found: datetime, daily_at: time | None, quiet: tuple[time, time] | None) -> datetime:
    """What is found is told at once or with the day's digest, and never in quiet hours: then when they end.

    All in one time zone; quiet hours may reach over midnight.
    """
    at = found
    if daily_at is not None:
        at = found.replace(hour=daily_at.hour, minute=daily_at.minute, second=0, microsecond=0)
        at += timedelta(days=at < found)
    if quiet is not None:
        start, end = quiet
        clock = at.time()
        if (start <= clock < end) if start < end else (clock >= start or clock < end):
            until = at.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
            at = until + timedelta(days=until <= at)
    return at


@rule("MT-CODE", source=_OURS, since="2026-11-22")
def unknown_code(name: str, code: str) -> Refusal:
    """A filter names a region, industry or class that exists; what does not exist would silently find nothing."""
    table = {"region_code": "regions", "industry_code": "industries", "ipc": "ipc"}[name]
    return Refusal(
        "MT-CODE",
        Text(f"{code} is not known in {table}", f"代码 {code} 不在参考表 {table} 中"),
        Text(f"look it up in GET /v1/reference/{table}", f"请在 GET /v1/reference/{table} 查询"),
        f"/{name}",
    )


# A re-ranker is learned from what people said of matches. Reasons that say nothing about likeness are left out.
LIKE, UNLIKE = frozenset({"INTERESTED", "CONTACTED"}), frozenset({"WRONG_FIELD", "WRONG_PROBLEM"})
JUDGMENTS_LEAST, NEEDS_LEAST, SHARE_LEAST = 300, 40, 0.1


def label(verdict: str, reason_code: str | None) -> bool | None:
    """Whether a word on a match says that the two are alike; None when it says something else."""
    if verdict in LIKE:
        return True
    return False if reason_code in UNLIKE else None


@rule("RM-ENOUGH", source=_OURS, since="2026-11-22")
def enough(judgments: int, needs: int, rarer: int) -> Refusal | None:
    """A mix is learned from at least 300 judgments on 40 needs, of which neither side has less than a tenth."""
    if judgments >= JUDGMENTS_LEAST and needs >= NEEDS_LEAST and rarer >= SHARE_LEAST * judgments:
        return None
    return Refusal(
        "RM-ENOUGH",
        Text(
            f"there are {judgments} judgments on {needs} needs, the rarer verdict {rarer} times",
            f"目前有 {needs} 条需求的 {judgments} 条反馈，较少的一类 {rarer} 条",
        ),
        Text(
            f"at least {JUDGMENTS_LEAST} on {NEEDS_LEAST} needs, a tenth of each kind; until then the mix that ships is used",
            f"至少需要 {NEEDS_LEAST} 条需求的 {JUDGMENTS_LEAST} 条反馈，两类各不少于一成；此前使用出厂权重",
        ),
    )


@rule("RM-BETTER", source=_OURS, since="2026-11-22")
def better(log_loss: float, shipped_log_loss: float) -> Refusal | None:
    """A learned mix is used only where it foretells feedback that it has not seen better than the mix that ships."""
    if log_loss < shipped_log_loss:
        return None
    return Refusal(
        "RM-BETTER",
        Text(
            f"its log loss on unseen feedback is {log_loss:.4f}, that of the shipped mix {shipped_log_loss:.4f}",
            f"其在未见反馈上的对数损失为 {log_loss:.4f}，出厂权重为 {shipped_log_loss:.4f}",
        ),
        Text("collect more feedback and learn again", "请积累更多反馈后重新学习"),
    )
