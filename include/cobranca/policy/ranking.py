"""``ranking.yml``: how a payer's score and class follow from how it has paid."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from cobranca.policy.config_file import yaml_file
from cobranca.policy.types import Days, Frozen, Rate, Row

Weight = Annotated[int, Field(ge=1, le=1000)]
Points = Annotated[int, Field(ge=0, le=100)]
OneIn = Annotated[int, Field(ge=1, le=1000)]


class Weights(Frozen):
    """With how many receivables a record stands halfway between itself and what is assumed.

    ``own`` is a payer's against its segment, ``rare`` the same for delays beyond a month,
    ``segment`` a segment's against the company's.
    """

    own: Weight = 2
    """Receivables with which a payer stands halfway between its record and its segment's."""
    rare: Weight = 20
    """The same for delays beyond a month."""
    segment: Weight = 20
    """Receivables with which a segment stands halfway between its record and the company's."""


class Assumed(Frozen):
    """Shares of receivables paid late in a company without any history."""

    late: Rate = Decimal("0.30")
    """Share of receivables paid late."""
    over_7: Rate = Decimal("0.15")
    """Share paid more than a week late."""
    over_30: Rate = Decimal("0.05")
    """Share paid more than a month late."""


class Costs(Frozen):
    """Points that are taken from 100, for a share of one, or for each day or promise."""

    late: Points = 20
    """Points if each receivable were late."""
    over_7: Points = 50
    """Points if each were more than a week late."""
    over_30: Points = 100
    """Points if each were more than a month late."""
    highest_over_30: Rate = Decimal("0.40")
    """Beyond this share of delays over a month no more points are lost."""
    overdue_days_a_point: Annotated[int, Field(ge=1, le=365)] = 2
    """One point is lost for so many days of what is overdue tonight."""
    most_overdue_days: Days = 60
    """Days overdue that count at most."""
    broken_promise: Points = 5
    """Points for each broken promise."""
    most_broken_promises: Annotated[int, Field(ge=0, le=20)] = 3
    """Broken promises that count at most."""


class Classes(Frozen):
    """Where one class ends and the next begins. ``one_in``: at most one of so many receivables."""

    known_from: Annotated[int, Field(ge=1, le=100)] = 3
    """Receivables observed from which a payer is no longer new."""
    short_history_below: Annotated[int, Field(ge=0, le=100)] = 4
    """With fewer, the explanation of the score says that the history is short."""
    critical_open_days: Days = 60
    """Overdue for longer than this is critical, whatever the history."""
    critical_open_days_of_new: Days = 30
    """The same for a new payer."""
    critical_over_30_one_in: OneIn = 4
    """Critical from one in so many receivables over a month late."""
    punctual_late_one_in: OneIn = 10
    """Punctual is late with at most one in so many."""
    punctual_over_10_one_in: OneIn = 20
    """And by more than ten days with at most one in so many."""
    punctual_open_days: Days = 10
    """And has nothing overdue for longer than this."""
    habitual_late_share: Rate = Decimal("0.30")
    """Habitually late is late with more than this share."""
    habitual_over_10_one_in: OneIn = 7
    """But by more than ten days with at most one in so many."""
    habitual_over_30_one_in: OneIn = 15
    """And by more than a month with at most one in so many."""
    habitual_open_days: Days = 10
    """And has nothing overdue for longer than this."""


class Ranking(Frozen):
    """``ranking.yml``."""

    weights: Weights = Weights()
    """How much a record says against what is assumed."""
    assumed: Assumed = Assumed()
    """What is assumed of a company without any history."""
    costs: Costs = Costs()
    """What each thing costs of the 100 points."""
    classes: Classes = Classes()
    """Where the classes of payers end."""


def ranking_rows(ranking: Ranking) -> list[Row]:
    """The one row of ``policy_ranking``: each setting under its own name, its part before it."""
    parts = {
        "weight": ranking.weights,
        "assumed": ranking.assumed,
        "cost": ranking.costs,
        "class": ranking.classes,
    }
    return [{f"{part}_{name}": value for part, model in parts.items() for name, value in model}]


RANKING = yaml_file("ranking.yml", Ranking, default=Ranking())
