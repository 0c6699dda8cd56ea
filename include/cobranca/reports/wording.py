"""Portuguese texts of the finance pack: labels, numbers, and definitions with their sources."""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from cobranca.aging import NOT_DUE, SETTLED, days_of
from cobranca.money import SYMBOLS, format_money, format_number

BASES = {"effective": "vencimento efetivo", "original": "vencimento original"}
ARMS = {"reached": "Contatados", "not_reached": "Não alcançados", "holdout": "Grupo de controle"}
MONTHS = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")
DASH = "–"

# (term, what it means here, where it comes from)
DEFINITIONS: tuple[tuple[str, str, str], ...] = (
    (
        "Data de referência",
        (
            "Contam os títulos emitidos e os pagamentos efetuados até a data de referência, "
            "inclusive. Título que vence na própria "
            "data não está vencido. Valores em moedas diferentes nunca são somados."
        ),
        "Regra deste relatório",
    ),
    (
        "Saldo e valor devido",
        (
            "Saldo é o principal em aberto: valor do título menos pagamentos, notas de crédito, "
            "descontos e baixas. Valor devido é "
            "o saldo com multa e juros calculados na data de referência."
        ),
        "Regra deste relatório",
    ),
    (
        "Vencimento efetivo e original",
        (
            "O vencimento original é o do documento. O efetivo é o próprio dia ou, se não houver "
            "expediente bancário, o dia útil "
            "seguinte. As faixas de atraso são mostradas pelas duas contagens."
        ),
        "Lei 7.089/1983; Resolução CMN 4.880/2020",
    ),
    (
        "Evolução da carteira",
        (
            "A posição de cada fim de mês é refeita só com eventos datados até aquele dia. Títulos "
            "cancelados, e os encerrados na "
            "origem sem um evento datado, ficam fora do histórico."
        ),
        "Regra deste relatório",
    ),
    (
        "DSO simples (prazo médio de recebimento)",
        (
            "Saldo ÷ vendas a prazo × dias, com as vendas e os dias dos três últimos meses (o "
            "corrente até a data de referência)."
        ),
        "Definição usual de análise de crédito",
    ),
    (
        "DSO por contagem regressiva",
        (
            "O saldo é coberto pelas vendas dos meses mais recentes, um a um; cada mês inteiro "
            "conta "
            "os seus dias e o último, a "
            "fração usada. Não se distorce quando as vendas oscilam."
        ),
        "Definição usual de análise de crédito (countback)",
    ),
    (
        "Melhor DSO possível",
        (
            "Saldo a vencer ÷ vendas a prazo × dias, nos mesmos três meses: o prazo que haveria se "
            "todos pagassem em dia."
        ),
        "Definição usual de análise de crédito",
    ),
    (
        "CEI (eficácia da cobrança)",
        (
            "(Saldo inicial + vendas − saldo final) ÷ (saldo inicial + vendas − saldo final a "
            "vencer) "
            "× 100, por mês. Notas de "
            "crédito, descontos e baixas são descontados das vendas, porque reduzem o saldo sem "
            "que "
            "dinheiro entre. 100 é o máximo."
        ),
        "Collection Effectiveness Index, definição usual",
    ),
    (
        "Rolagem entre faixas",
        (
            "Do saldo de cada faixa no fim do mês anterior, a parte que está em cada faixa agora, "
            "título a título. «Baixado» reúne "
            "o que foi recebido, creditado ou baixado."
        ),
        "Roll rate, definição usual; calculado por título",
    ),
    (
        "Índice de liquidez",
        (
            "Do valor que venceu em um mês (menos notas de crédito e descontos), a parte recebida "
            "em "
            "dinheiro até 0, 30, 60 e 90 "
            "dias de cada vencimento, incluídos os pagamentos antecipados. O que excede o título "
            "não "
            "conta. Só aparece quando o "
            "título mais novo do mês já teve o prazo inteiro."
        ),
        "Não há definição oficial; esta é a deste relatório",
    ),
    (
        "PDD (perda estimada)",
        (
            "Matriz de provisão pelo histórico próprio: a taxa de cada faixa é o que não foi "
            "recebido "
            "até 180 dias após o vencimento "
            "÷ o que chegou à faixa, nos doze meses de vencimentos que já completaram 180 dias. "
            "Mais "
            "de 180 dias: 100 %. Não inclui "
            "ajuste prospectivo nem garantias, que cabem à contabilidade."
        ),
        "CPC 48 / IFRS 9, abordagem simplificada (5.5.15 e B5.5.35)",
    ),
    (
        "Movimento da PDD",
        "PDD final = PDD inicial − baixas do mês + provisão do mês (negativa quando há reversão).",
        "CPC 48 / IFRS 7, item 35H",
    ),
    (
        "Recuperação por faixa",
        (
            "Do saldo de cada faixa no início do mês, a parte recebida em dinheiro durante o mês. "
            "Acordos e promessas contam "
            "clientes, na faixa da dívida mais antiga de cada um."
        ),
        "Regra deste relatório",
    ),
    (
        "Efeito dos contatos",
        (
            "Títulos devidos no momento do contato e o que foi pago neles até 7 dias depois, "
            "incluído "
            "o próprio dia; só contatos que "
            "já tiveram esses 7 dias. Pagar depois de um contato não prova que ele foi a causa: "
            "isso "
            "só a comparação com um grupo de "
            "controle mostra."
        ),
        "Regra deste relatório",
    ),
    (
        "Promessas cumpridas",
        (
            "Cumpridas ÷ (cumpridas + parciais + quebradas), por quantidade e por valor. As que "
            "ainda "
            "estão no prazo não contam."
        ),
        "Regra deste relatório",
    ),
    (
        "Classes de pagadores",
        (
            "Pontual: no máximo um atraso em dez, quase nunca além de 10 dias, nenhum além de 30. "
            "Atraso habitual: mais de três "
            "atrasos em dez, mas no máximo um título em sete além de 10 dias e um em quinze além "
            "de "
            "30. Crítico: um quarto ou mais "
            "dos títulos com mais de 30 dias, ou dívida vencida há mais de 60. Novo: menos de três "
            "títulos pagos ou vencidos. "
            "Irregular: os demais. A classe usa só o passado conhecido na data."
        ),
        "Régua de cobrança da empresa",
    ),
    (
        "Ranking posto à prova",
        (
            "O ranking de cada fim de mês (de três a oito meses atrás), refeito só com o que "
            "estava "
            "datado até aquele dia, é "
            "comparado com os títulos já emitidos que venceram no mês seguinte e cujo vencimento "
            "tem "
            "mais de 30 dias. Atraso: pago "
            "depois do vencimento efetivo, ou não pago. Títulos contestados, cancelados, "
            "renegociados "
            "ou quitados só por crédito não "
            "contam. Acima de cinco mil clientes, um sorteio fixo."
        ),
        "Regra deste relatório",
    ),
)

_TAX_ID = re.compile(
    r"\d{2}\.?[\dA-Z]{3}\.?[\dA-Z]{3}/?[\dA-Z]{4}-?\d{2}|\d{3}\.?\d{3}\.?\d{3}-?\d{2}"
)
_ADDRESS = re.compile(r"\S+@\S+")


def band(code: str) -> str:
    """An aging band as a label: ``8-15`` is 8 a 15 dias."""
    days = days_of(code)
    if days is None:
        return {NOT_DUE: "A vencer", SETTLED: "Baixado"}[code]
    first, last = days
    return f"Mais de {first - 1} dias" if last is None else f"{first} a {last} dias"


def short_band(code: str) -> str:
    """The same where there is little room: ``8-15`` is 8–15."""
    days = days_of(code)
    if days is None:
        return band(code).lower()
    first, last = days
    return f"{first} ou mais" if last is None else f"{first}{DASH}{last}"


def band_heading(code: str) -> str:
    """The same over a column of amounts."""
    return band(code) if days_of(code) is None else code.replace("-", DASH)


def person(name: str | None) -> str:
    """A customer's name without the tax id or address that some registers append to it."""
    cleaned = _ADDRESS.sub("", _TAX_ID.sub("", name or ""))
    return re.sub(r"\s+", " ", cleaned).strip(" -–") or "(sem nome)"


def day(value: date | None) -> str:
    """``18/11/2026``."""
    return value.strftime("%d/%m/%Y") if value else DASH


def month(value: date) -> str:
    """``nov/2026``."""
    return f"{MONTHS[value.month - 1]}/{value.year}"


def money(value: Decimal | None, currency: str) -> str:
    """``R$ 1.234,56``."""
    return DASH if value is None else format_money(value, currency)


def amount(value: Decimal | None) -> str:
    """Money in a column whose heading names the currency."""
    return DASH if value is None else format_number(value)


def symbol(currency: str) -> str:
    """The sign of a currency, or its code."""
    return SYMBOLS.get(currency, currency)


def of(value: int, one: str, many: str) -> str:
    """``1 cliente``, ``1.204 clientes``."""
    return f"{count(value)} {one if value == 1 else many}"


def count(value: int | None) -> str:
    """``1.204``."""
    return DASH if value is None else f"{value:,}".replace(",", ".")


def number(value: Decimal | None, places: int = 1) -> str:
    """``Decimal('73.71')`` → ``73,7``, halves away from zero."""
    if value is None:
        return DASH
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded:,}".translate(str.maketrans(",.", ".,"))


def percent(share: Decimal | None, places: int = 1) -> str:
    """A fraction as per cent: ``Decimal('0.087')`` → ``8,7 %``."""
    return DASH if share is None else f"{number(Decimal(share) * 100, places)}\u00a0%"


def short_money(value: Decimal | float, currency: str) -> str:
    """For plots: ``R$ 1,2 mi``, ``R$ 340 mil``."""
    exact = Decimal(value)
    for limit, unit in (
        (Decimal(10) ** 9, "bi"),
        (Decimal(10) ** 6, "mi"),
        (Decimal(10) ** 3, "mil"),
    ):
        if abs(exact) >= limit:
            scaled = exact / limit
            shown = number(scaled, 1 if abs(scaled) < 100 else 0)
            return f"{symbol(currency)}\u00a0{shown}\u00a0{unit}"
    return f"{symbol(currency)}\u00a0{number(exact, 0)}"
