"""The Portuguese that people read for the codes that SQL writes: one dictionary for pages, workbooks and ``why``."""

DECISIONS = {"remind": "Mensagem", "call": "Ligação", "escalate": "Decisão de uma pessoa", "none": "Sem contato"}
CHANNELS = {"email": "E-mail", "phone": "Telefone", "sms": "SMS", "whatsapp": "WhatsApp"}
CLASSES = {
    "pontual": "Pontual",
    "viciado": "Atraso habitual",
    "irregular": "Irregular",
    "critico": "Crítico",
    "novo": "Novo",
}
REASONS = {
    "step_due": "Passo da régua previsto para hoje",
    "carried_by_other": "Vai junto com o título mais antigo do cliente",
    "not_due": "Ainda não venceu",
    "within_grace": "Pagamento pode estar em compensação",
    "waiting_next_step": "Aguarda o próximo passo da régua",
    "within_tolerance": "Resto dentro da tolerância",
    "superseded": "Dispensado: o contato de hoje é sobre o que já venceu",
    "waiting_interval": "Intervalo mínimo entre contatos",
    "frequency_cap": "Limite de contatos do período atingido",
    "preventive_not_needed": "Lembrete antes do vencimento não previsto para esta classe de pagador",
    "below_minimum": "Abaixo do valor mínimo",
    "no_contact_day": "Fim de semana ou feriado",
    "awaiting_delivery": "Aguarda confirmação da última mensagem",
    "delivery_unknown": "Entrega da última mensagem não confirmada",
    "regua_changed": "Mudou de régua depois de contatado: uma pessoa decide",
    "no_regua": "Fora da régua por decisão de uma pessoa",
    "escalated": "Vai com o título mais antigo para a decisão de uma pessoa",
    "end_of_regua": "Fim da régua: uma pessoa decide",
    "agreement_broken": "Acordo não cumprido: a dívida original voltou, e uma pessoa decide",
    "holdout": "Grupo de controle",
    "opted_out": "Cliente pediu para não ser contatado",
    "no_contact_data": "Sem e-mail ou telefone a que se possa recorrer",
    "no_email": "Sem e-mail",
    "no_phone": "Sem telefone: segue por e-mail",
    "calls_declined": "Não aceita ligações: segue por e-mail",
    "no_opt_in": "Não escolheu este canal: segue por e-mail",
    "failed_text": "Última mensagem ao telefone não foi entregue: segue por e-mail",
    "invalid_email": "E-mail inválido",
    "refused_email": "Último e-mail não pôde ser enviado",
    "hold_dispute": "Contestação em análise",
    "hold_promise": "Promessa de pagamento em aberto",
    "hold_agreement": "Acordo em andamento",
    "hold_legal": "Cobrança judicial ou suspensão legal",
    "hold_deceased": "Cliente falecido",
    "hold_hardship": "Dificuldade reconhecida",
    "hold_opt_out": "Cliente pediu para não ser contatado",
    "hold_paid_claim": "Cliente informou que já pagou: em verificação",
    "hold_refused": "Recusou-se a pagar: pausa antes de novo contato",
    "hold_scheduled": "Retorno agendado",
    "hold_erased": "Dados pessoais apagados a pedido do titular (LGPD, art. 18)",
    "hold_reversal": "Estorno maior do que o pagamento conhecido: uma pessoa confere antes de qualquer contato",
}

CONTACT_STATES = {
    "planned": "planejado",
    "claimed": "em envio",
    "sending": "em envio",
    "sent": "enviado",
    "rejected": "recusado",
    "unknown": "sem confirmação",
    "delivered": "entregue",
    "undelivered": "não entregue",
    "bounced": "devolvido",
    "complained": "marcado como indesejado",
    "unanswered": "sem resposta",
    "suppressed": "não enviado",
    "cancelled_paid": "não enviado (pago)",
    "cancelled": "não enviado",
    "superseded": "não enviado",
    "expired": "não enviado",
}
CALL_STATES = {"delivered": "atendido", "unanswered": "sem resposta"}


def reason(code: str | None) -> str:
    """The reason in Portuguese; a code that has no words yet stays readable, and a missing one is shown as missing."""
    if not code:
        return "(sem motivo)"
    return REASONS.get(code) or code.removeprefix("hold_").replace("_", " ").capitalize()


def in_sentence(text: str) -> str:
    """The same words within a sentence: without the capital at the start, unless it begins an abbreviation."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def contact_state(channel: str, state: str) -> str:
    """What became of a contact; a call is answered where a message is delivered."""
    return (CALL_STATES.get(state) if channel == "phone" else None) or CONTACT_STATES.get(state, state)
