"""Scripts of a call: what an agent says (Código de Defesa do Consumidor, art. 42; LGPD).

Only the customer hears of a debt, no one is threatened, and every offer stays within the agent's
limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cobranca.queues.queue_columns import OTHER_SCRIPT, SCRIPT_NAMES
from cobranca.queues.queue_row import QueueRow


@dataclass(frozen=True)
class Script:
    """A titled list of ``(moment, what to say or do)``."""

    title: str
    lines: tuple[tuple[str, str], ...]


def scripts_for(rows: Sequence[QueueRow], agent_name: str | None, company: str) -> list[Script]:
    """The scripts that these rows need, and the manners that hold for all of them.

    ``agent_name`` is ``None`` for a list that any agent with time works on.
    """
    names = {SCRIPT_NAMES.get(row["template"], OTHER_SCRIPT) for row in rows}
    opening = _opening(agent_name, company)
    found = []
    if "Lembrete" in names:
        found.append(
            Script(
                "Roteiro Lembrete: primeira conversa por telefone", opening + _REMINDER + _CLOSING
            )
        )
    if "Proposta" in names:
        found.append(
            Script(
                "Roteiro Proposta: conversa com opções de negociação",
                opening + _offer(rows) + _CLOSING,
            )
        )
    if OTHER_SCRIPT in names:
        found.append(Script("Roteiro Contato: o e-mail não chegou", opening + _CONTACT + _CLOSING))
    return [*found, _ANSWERS, _MANNERS]


def _opening(agent_name: str | None, company: str) -> tuple[tuple[str, str], ...]:
    return (
        (
            "Abertura",
            (
                f"“Olá, meu nome é {agent_name or '[seu nome]'}, falo em nome da {company}. Estou "
                "falando com [nome do cliente]?”"
            ),
        ),
        (
            "Se for outra pessoa",
            (
                "Não mencione a dívida. “Poderia pedir que me retorne? Vou deixar meu nome e "
                "telefone.” Registre RECADO; se o "
                "número não for do cliente, peça desculpas e registre NUMERO_ERRADO."
            ),
        ),
        (
            "Confirmação",
            (
                "“Para a sua segurança, pode me confirmar os números do meio do seu CPF ou CNPJ?” "
                "Compare com os números "
                "mostrados abaixo do nome e só continue se conferirem."
            ),
        ),
    )


_REMINDER = (
    (
        "Assunto",
        (
            "“Consta em aberto um valor de [Com encargos], vencido em [Vencido desde]. O boleto "
            "chegou até o senhor ou a senhora?”"
        ),
    ),
    ("Escuta", "“Aconteceu alguma coisa?” Ouça sem interromper e registre o motivo do atraso."),
    (
        "Combinado",
        (
            "“Qual é a melhor data para o pagamento? Posso reenviar agora o boleto ou o código "
            "Pix.” "
            "Registre PROMESSA com data "
            "e valor."
        ),
    ),
)

_CONTACT = (
    (
        "Cadastro",
        (
            "“Tentamos falar por e-mail e a mensagem não chegou. Pode me confirmar o seu e-mail?” "
            "Peça a correção do cadastro ao "
            "atendimento; não anote o e-mail na planilha."
        ),
    ),
    (
        "Assunto",
        (
            "“Aproveito para lembrar de um valor em aberto de [Com encargos], vencido em [Vencido "
            "desde]. Posso reenviar o boleto "
            "ou o código Pix?”"
        ),
    ),
    ("Combinado", "“Qual é a melhor data para o pagamento?” Registre PROMESSA com data e valor."),
)

_CLOSING = (
    (
        "Encerramento",
        (
            "Repita o que ficou combinado: valor, data e forma de pagamento. “Se já tiver pago, "
            "por "
            "favor desconsidere. "
            "Muito obrigado pela atenção.”"
        ),
    ),
)


def _offer(rows: Sequence[QueueRow]) -> tuple[tuple[str, str], ...]:
    if all(row["max_installments"] is None for row in rows):
        limit = (
            "3º parcelamento ou desconto: esta lista não tem alçada própria, combine com o "
            "supervisor antes de prometer."
        )
    else:
        limit = (
            "3º parcelamento, até as parcelas de [Alçada]. 4º desconto à vista, até o valor de "
            "[Alçada], só se as outras não servirem. Acima disso, fale com o supervisor antes de "
            "prometer."
        )
    return (
        (
            "Assunto",
            (
                "“Consta em aberto um valor de [Com encargos], já com multa e juros, vencido em "
                "[Vencido desde]. Gostaria de "
                "encontrar com o senhor ou a senhora a melhor forma de resolver.”"
            ),
        ),
        (
            "Escuta",
            "“O que dificultou o pagamento?” Ouça sem interromper e registre o motivo do atraso.",
        ),
        (
            "Proposta",
            "Ofereça nesta ordem: 1º pagamento total em data próxima, por boleto ou Pix. 2º uma "
            "data um pouco mais longe. " + limit,
        ),
        (
            "Acordo",
            (
                "Confirme em voz alta o valor total, o número de parcelas e a data da primeira. "
                "Registre ACORDO com data, valor "
                "total e parcelas."
            ),
        ),
    )


_ANSWERS = Script(
    "Se o cliente disser…",
    (
        (
            "… que já pagou",
            "Agradeça, peça o comprovante pelo atendimento e registre PAGO_INFORMADO. Não insista.",
        ),
        (
            "… que não reconhece",
            "Anote o motivo, diga que o caso será analisado e registre CONTESTA.",
        ),
        (
            "… que não pode agora",
            "Pergunte quando pode conversar e registre AGENDADO com a data do retorno.",
        ),
        (
            "… que não quer ligações",
            "Respeite na hora, ofereça o contato por escrito e registre NAO_LIGAR.",
        ),
        (
            "… que o titular faleceu",
            "Apresente condolências, encerre a conversa e registre FALECIDO. Não cobre familiares.",
        ),
    ),
)

_MANNERS = Script(
    "Sempre e nunca",
    (
        (
            "Sempre",
            (
                "Ligue só dentro do horário mostrado abaixo do telefone. Trate por senhor ou "
                "senhora. "
                "Uma ligação por dia basta."
            ),
        ),
        (
            "Nunca",
            (
                "Não fale da dívida com outra pessoa, não ameace, não constranja, não ligue para o "
                "trabalho sem autorização e não "
                "ofereça além da alçada."
            ),
        ),
    ),
)
