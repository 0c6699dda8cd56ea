"""The Portuguese that people read for the codes that SQL writes: one dictionary for pages, workbooks and ``why``."""

DECISIONS = {
    "remind": "lembrete por e-mail",
    "call": "ligação",
    "escalate": "encaminhar para decisão",
    "none": "nenhum contato",
}

REASONS = {
    "step_due": "passo da régua vence hoje",
    "carried_by_other": "incluído no contato pelo título mais antigo",
    "no_email": "sem e-mail: segue para ligação",
    "invalid_email": "e-mail recusado: segue para ligação",
    "delivery_unknown": "e-mail sem confirmação de entrega: segue para ligação",
    "not_due": "ainda não vence",
    "within_grace": "em prazo de compensação bancária",
    "waiting_next_step": "aguarda o próximo passo da régua",
    "waiting_interval": "intervalo mínimo entre contatos",
    "frequency_cap": "limite de contatos no período",
    "below_minimum": "abaixo do valor mínimo",
    "no_contact_day": "hoje não é dia de contato",
    "preventive_not_needed": "costuma pagar em dia: não precisa de lembrete",
    "awaiting_delivery": "aguarda a confirmação do último envio",
    "no_contact_data": "sem e-mail ou telefone válido",
    "opted_out": "pediu para não ser contatado",
    "holdout": "grupo de comparação",
    "end_of_regua": "fim da régua",
    "hold_dispute": "suspenso: contestado",
    "hold_promise": "suspenso: promessa de pagamento",
    "hold_agreement": "suspenso: acordo",
    "hold_paid_claim": "suspenso: cliente informou que pagou",
    "hold_legal": "suspenso: processo judicial",
    "hold_deceased": "suspenso: falecimento",
    "hold_hardship": "suspenso: dificuldade financeira",
    "hold_opt_out": "suspenso: pediu para não ser contatado",
    "hold_refused": "suspenso: recusou negociar",
    "hold_scheduled": "suspenso: retorno agendado",
}

CLASSES = {
    "pontual": "pontual",
    "viciado": "atrasa por hábito, poucos dias",
    "irregular": "irregular",
    "critico": "crítico",
    "novo": "novo",
}

BANDS = {
    "not_due": "a vencer",
    "1-30": "1 a 30 dias",
    "31-60": "31 a 60 dias",
    "61-90": "61 a 90 dias",
    "91-180": "91 a 180 dias",
    "181+": "mais de 180 dias",
}


def reason(code: str) -> str:
    """The reason in Portuguese; a code that has no words yet stays readable as it is."""
    return REASONS.get(code, code)
