"""Who holds a patent after it changed hands, and for whom its record is kept from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from shared.contracts.catalog import Holder
from shared.contracts.values import fold
from shared.errors import Text
from shared.rulebook import Refusal, rule

_REGISTRATION = Text(
    "Patent Law Art. 10; Implementing Regulations rules 106, 107",
    "专利法第十条；专利法实施细则第一百零六条、第一百零七条",
)


class Keeping(NamedTuple):
    """Holders as a patent's row has them, and the organization that keeps the record."""

    holders: Sequence[Mapping[str, Any]]
    organization_id: str
    uscc: str | None

    @property
    def holds(self) -> set[str]:
        """The organizations that hold the patent, as far as their ids are known; the keeper by its credit code too."""
        found = {str(id_) for holder in self.holders if (id_ := holder.get("organization_id"))}
        is_keepers = self.uscc and any(holder.get("uscc") == self.uscc for holder in self.holders)
        return found | ({self.organization_id} if is_keepers else set())


_IDS = ("organization_id", "uscc")


def _name(holder: Mapping[str, Any]) -> str:
    return fold(str(holder["name"])).lower()


@rule("ST-HOLDERS", source=_REGISTRATION, since="2024-01-20")
def handed_over(before: Keeping, keeper_at: int | None, told: Sequence[Holder], *, is_assigned: bool = True) -> Keeping:
    """A registered transfer or change of holders that names the new ones makes them the holders.

    Who held before under the same name is still known by the id and credit code that are recorded; `keeper_at` says
    which of them the record was kept for. A change of data (`is_assigned` False) renames as many holders as there
    were, in their order, unless a credit code says that it is somebody else. Where the keeper is gone, the first new holder who is an organization of this
    platform keeps the record from then on; where none is known by id, it stays where it is until one comes.
    """
    known = [{name: holder[name] for name in _IDS if holder.get(name)} for holder in before.holders]
    if keeper_at is not None:
        known[keeper_at]["organization_id"] = before.organization_id
    places = {_name(holder): at for at, holder in enumerate(before.holders)}
    after: list[dict[str, Any]] = []
    for at, holder in enumerate(told):
        new = holder.model_dump(exclude_none=True)
        place = places.get(_name(new), None if is_assigned or len(told) != len(known) else at)
        same = known[place] if place is not None else {}
        code = same.get("uscc") or (before.uscc if place == keeper_at else None)
        is_other = bool(holder.uscc and code and holder.uscc != code)
        after.append({**({} if is_other else same), **new})
    keeping = Keeping(after, before.organization_id, before.uscc)
    if before.organization_id in keeping.holds:
        return keeping
    heir = next((holder for holder in after if holder.get("organization_id")), None)
    return Keeping(after, heir["organization_id"], heir.get("uscc")) if heir else keeping


@rule("HOLDER-REGISTERED", source=_REGISTRATION, since="2024-01-20")
def holders_are_registered(
    since: date | None, recorded: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]
) -> Refusal | None:
    """Holders that stand by a recorded transfer are not written over by a form or a list that names others."""
    if since is None or {_name(one) for one in recorded} == {_name(one) for one in told}:
        return None
    names = [str(one["name"]) for one in recorded]
    return Refusal(
        "HOLDER-REGISTERED",
        Text(
            f"by the transfer of {since} on record the holders are {', '.join(names)}",
            f"根据已登记的{since}权利转移，专利权人为{'、'.join(names)}",
        ),
        Text(
            "record a further TRANSFER or HOLDER_CHANGE with the new holders in `detail.holders`",
            "如权利再次变动，请记录 TRANSFER 或 HOLDER_CHANGE 事件，并在 detail.holders 中写明新的专利权人",
        ),
        pointer="/holders",
    )
