"""The published figures taken apart: layout only, every number comes from the findings."""

from dataclasses import dataclass

from volfid.report.inputs import ReportInputs

GROUPS = {
    "follows": ("What follows", "Consequences of the figures as printed, by arithmetic and their rounding."),
    "mislabelled": ("What is mislabelled", "Figures or words that stand for something else than they are named for."),
    "unknown": ("What cannot be known", "Open from the figures alone; each is a stated setting or an arm here."),
}
NOT_HERE = "not in this run"


@dataclass(frozen=True)
class Group:
    """A heading, its remark and its items."""

    title: str
    remark: str
    items: list[dict[str, object]]


def groups(inputs: ReportInputs) -> list[Group]:
    """Groups that have an item, in the order of the page; each item with what this run says beside it."""
    rows = inputs.findings.get("published") or []
    made = []
    for name, (title, remark) in GROUPS.items():
        items = [
            {
                "title": row["title"],
                "printed": f"{row['printed']} ({row['from']})",
                "statement": row["statement"],
                "here": row["here"] or [f"{NOT_HERE}: {row['not_here']}"],
            }
            for row in rows
            if row["group"] == name
        ]
        if items:
            made.append(Group(title, remark, items))
    return made
