"""The columns of every table that enters the warehouse.

Sources, policy files and the ledger must land as these. They stand in one place, so that
extraction, cleaning, loading and dbt's ``raw`` sources agree. Money is decimal(18,2), rates are
decimal(9,6) fractions (0.02 is 2 %), times are UTC without a zone.
"""

import pyarrow as pa

TEXT = pa.string()
MONEY = pa.decimal128(18, 2)
RATE = pa.decimal128(9, 6)
DATE = pa.date32()
TIME = pa.timestamp("us")
FLAG = pa.bool_()
COUNT = pa.int32()


def _table(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


# What a source's query may return; the first columns of each are required (see REQUIRED).
ENTITIES: dict[str, pa.Schema] = {
    "customers": _table(
        source=TEXT, customer_id=TEXT, name=TEXT, tax_id=TEXT, email=TEXT, phone=TEXT, city=TEXT,
        state=TEXT, segment=TEXT, contract_type=TEXT, preferred_channel=TEXT, opt_out_email=FLAG,
        opt_out_phone=FLAG, legal_hold=FLAG, deceased=FLAG, updated_at=TIME, erased_key=TEXT,
    ),
    "receivables": _table(
        source=TEXT, receivable_id=TEXT, customer_id=TEXT, due_date=DATE, amount=MONEY,
        document_number=TEXT, installment=TEXT, issue_date=DATE, open_amount=MONEY, currency=TEXT,
        status=TEXT, disputed=FLAG, fine_rate=RATE, monthly_interest_rate=RATE, boleto_line=TEXT,
        pix_code=TEXT, payment_url=TEXT, updated_at=TIME, refused_rates=TEXT, creditor=TEXT,
    ),
    "payments": _table(
        source=TEXT, payment_id=TEXT, receivable_id=TEXT, paid_on=DATE, amount=MONEY, kind=TEXT,
        credited_on=DATE, method=TEXT, customer_id=TEXT, currency=TEXT, updated_at=TIME,
        creditor=TEXT,
    ),
}  # fmt: skip

# Columns that landing fills in itself: the source's name, the key of a payer whose personal data
# were erased, and the rates of a receivable that could not be used (``fine_rate``,
# ``monthly_interest_rate``, or both with a comma between).
OURS = ("source", "erased_key", "refused_rates")

REQUIRED: dict[str, tuple[str, ...]] = {
    "customers": ("customer_id", "name"),
    "receivables": ("receivable_id", "customer_id", "due_date", "amount"),
    "payments": ("payment_id", "receivable_id", "paid_on", "amount"),
}

# Where a required column is empty, another one must be filled: money that came in for no receivable
# (an advance, a transfer that nobody has matched yet) is its payer's, in ``currency``. That of any
# other payment is its receivable's.
OR_ELSE: dict[str, dict[str, str]] = {"payments": {"receivable_id": "customer_id"}}

# The ledger keeps "source:id" in 200 characters; what is longer could be landed but never acted on.
LONGEST_SOURCE, LONGEST_ID = 40, 150

KEYS = {"customers": "customer_id", "receivables": "receivable_id", "payments": "payment_id"}

ALLOWED: dict[str, dict[str, tuple[str, ...]]] = {
    "customers": {"contract_type": ("consumer", "business")},
    "receivables": {"status": ("open", "cancelled", "written_off", "agreed")},
    "payments": {"kind": ("payment", "credit_note", "discount", "write_off", "reversal")},
}

# Of what names no currency.
OWN_CURRENCY = "BRL"

# The creditor of creditor.yml, and of all that landed or was recorded before there were several.
PRINCIPAL = "principal"

DEFAULTS: dict[str, dict[str, str]] = {
    "customers": {"contract_type": "consumer"},
    "receivables": {"currency": OWN_CURRENCY, "status": "open"},
    "payments": {"kind": "payment"},
}

# Rows that could not be read, with the reason and never with the value itself.
QUARANTINE = _table(
    source=TEXT,
    entity=TEXT,
    record_key=TEXT,
    column_name=TEXT,
    reason=TEXT,
    amount=MONEY,
    currency=TEXT,
)

# The ledger, and what agents returned, as the night sees them: only what happened before the
# business date.
FEEDBACK: dict[str, pa.Schema] = {
    "contacts": _table(
        message_key=TEXT, business_date=DATE, batch_id=TEXT, customer_key=TEXT, episode_key=TEXT,
        step=TEXT, step_offset=COUNT, channel=TEXT, template=TEXT, policy_version=TEXT,
        address_mark=TEXT, state=TEXT, state_reason=TEXT, provider_message_id=TEXT, updated_at=TIME,
        creditor=TEXT,
    ),
    "contact_items": _table(
        message_key=TEXT, receivable_key=TEXT, currency=TEXT, open_amount=MONEY, amount_due=MONEY,
    ),
    "outcomes": _table(
        outcome_id=TEXT, contacted_on=DATE, message_key=TEXT, customer_key=TEXT, episode_key=TEXT,
        step=TEXT, step_offset=COUNT, agent_id=TEXT, code=TEXT, delay_reason=TEXT,
        follow_up_on=DATE, policy_version=TEXT, creditor=TEXT,
    ),
    "promises": _table(
        promise_id=TEXT, customer_key=TEXT, made_on=DATE, promised_on=DATE, currency=TEXT,
        amount=MONEY, agent_id=TEXT, creditor=TEXT,
    ),
    "agreements": _table(
        agreement_id=TEXT, customer_key=TEXT, agreed_on=DATE, currency=TEXT, amount=MONEY,
        installments=COUNT, discount_rate=RATE, agent_id=TEXT, creditor=TEXT,
    ),
    "commitment_items": _table(commitment_id=TEXT, receivable_key=TEXT, made_on=DATE),
    "consents": _table(
        customer_key=TEXT, channel=TEXT, is_opted_in=FLAG, origin=TEXT, given_at=TIME,
        given_on=DATE, only_creditor=TEXT,
    ),
    "payer_accounts": _table(
        customer_key=TEXT, source=TEXT, customer_id=TEXT, from_on=DATE, until_on=DATE,
    ),
    "suppressions": _table(
        provider=TEXT, kind=TEXT, address_digest=TEXT, listed_on=DATE, removed_on=DATE,
    ),
    "holdouts": _table(
        business_date=DATE, customer_key=TEXT, episode_key=TEXT, step=TEXT, step_offset=COUNT,
        channel=TEXT, policy_version=TEXT, creditor=TEXT,
    ),
}  # fmt: skip

# The manager's files, as they were in force on the business date.
POLICY: dict[str, pa.Schema] = {
    "policy_steps": _table(
        policy_version=TEXT, segment=TEXT, step=TEXT, step_offset=COUNT, channel=TEXT,
        template=TEXT, requires_approval=FLAG, minimum_amount=MONEY, minimum_share=RATE,
        only_classes=TEXT, is_entry=FLAG, holdout_share=RATE, is_legal_notice=FLAG,
        minimum_late_probability=RATE, maximum_serious_probability=RATE,
    ),
    "policy_limits": _table(
        policy_version=TEXT, minimum_interval_days=COUNT, maximum_per_7_days=COUNT,
        maximum_per_30_days=COUNT, minimum_amount=MONEY, tolerance_amount=MONEY,
        tolerance_share=RATE, clearing_bank_days=COUNT, promise_grace_days=COUNT,
        promise_kept_share=RATE, default_fine_rate=RATE, consumer_fine_cap=RATE,
        default_monthly_interest_rate=RATE, interest_start_consumer=TEXT,
        interest_start_business=TEXT, group_company_branches=FLAG, collect_until_years=COUNT,
        credits=TEXT, scheduled_payment_days=COUNT, first_creditor=TEXT, only_creditor=TEXT,
    ),
    "policy_agents": _table(
        agent_id=TEXT, name=TEXT, level=TEXT, daily_capacity=COUNT, states=TEXT,
        max_discount_rate=RATE, max_installments=COUNT,
    ),
    "policy_negotiation": _table(
        level=TEXT, from_day=COUNT, to_day=COUNT, max_discount_rate=RATE, max_installments=COUNT,
        only_creditor=TEXT,
    ),
    "policy_holds": _table(
        scope=TEXT, source=TEXT, target_id=TEXT, reason=TEXT, author=TEXT, starts_on=DATE,
        expires_on=DATE, only_creditor=TEXT,
    ),
    "policy_overrides": _table(
        scope=TEXT, source=TEXT, target_id=TEXT, regua=TEXT, last_offset=COUNT,
        goes_on_after_offset=COUNT, reason=TEXT, author=TEXT, starts_on=DATE, expires_on=DATE,
        only_creditor=TEXT,
    ),
    "policy_calling_hours": _table(
        state=TEXT, day_kind=TEXT, starts_at=TEXT, ends_at=TEXT, legal_source=TEXT,
        reviewed_on=DATE,
    ),
    "policy_outcome_codes": _table(
        code=TEXT, label=TEXT, is_effective_contact=FLAG, is_right_party=FLAG, effect=TEXT,
        pause_days=COUNT,
    ),
    "policy_legal_rates": _table(month=DATE, monthly_rate=RATE, legal_source=TEXT),
    "policy_calendar": _table(
        place=TEXT, day=DATE, is_bank_day=FLAG, is_contact_day=FLAG, effective_date=DATE,
        previous_bank_day=DATE, holiday=TEXT,
    ),
    "policy_waivers": _table(
        source=TEXT, receivable_id=TEXT, kind=TEXT, amount=MONEY, share=RATE, reason=TEXT,
        author=TEXT, starts_on=DATE,
    ),
    "policy_bands": _table(
        aging_band=TEXT, band_order=COUNT, last_day=COUNT, recovery_percent=COUNT,
        guaranteed_percent=COUNT,
    ),
    "policy_ranking": _table(
        weight_own=COUNT, weight_rare=COUNT, weight_segment=COUNT, assumed_late=RATE,
        assumed_over_7=RATE, assumed_over_30=RATE, cost_late=COUNT, cost_over_7=COUNT,
        cost_over_30=COUNT, cost_highest_over_30=RATE, cost_overdue_days_a_point=COUNT,
        cost_most_overdue_days=COUNT, cost_broken_promise=COUNT, cost_most_broken_promises=COUNT,
        class_known_from=COUNT, class_short_history_below=COUNT, class_critical_open_days=COUNT,
        class_critical_open_days_of_new=COUNT, class_critical_over_30_one_in=COUNT,
        class_punctual_late_one_in=COUNT, class_punctual_over_10_one_in=COUNT,
        class_punctual_open_days=COUNT, class_habitual_late_share=RATE,
        class_habitual_over_10_one_in=COUNT, class_habitual_over_30_one_in=COUNT,
        class_habitual_open_days=COUNT,
    ),
    "policy_reasons": _table(reason=TEXT, reason_order=COUNT, ends_with=TEXT, responsible=TEXT),
}  # fmt: skip

# Every table of the warehouse's ``raw`` schema.
RAW: dict[str, pa.Schema] = {**ENTITIES, "quarantine": QUARANTINE, **FEEDBACK, **POLICY}
