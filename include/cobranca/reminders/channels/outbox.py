"""The safe channel: letters become files in ``outbox/<D>`` and reach nobody.

A letter counts as accepted once its ``.eml`` file, flushed to disk, has its final name.
"""

import html
from base64 import b64encode
from datetime import date
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path

from cobranca.manifest import write_atomically
from cobranca.reminders.channels.protocol import Letter, Outcome, Text
from cobranca.words import CHANNELS

KEY_HEADER = "X-Cobranca-Message-Key"
# By this the ledger knows a contact that reached nobody.
ID_PREFIX = "outbox:"
TEMPLATE_HEADER = "X-Cobranca-Template"


class Outbox:
    """Writes ``<message_key>.eml`` (the whole mail), ``<message_key>.html`` (for a browser) and, at the end, ``index.html``."""

    name = "outbox"
    is_real = False
    threads = 4

    def __init__(self, folder: Path, business_date: date):
        self.folder = folder
        self.business_date = business_date
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, letter: Letter | Text) -> Outcome:
        try:
            mail = (compose_text(letter) if isinstance(letter, Text) else compose(letter)).as_bytes()
        except ValueError:
            return Outcome("rejected", "endereço ou cabeçalho inválido")
        try:
            write_atomically(self.folder / f"{letter.message_key}.html", for_a_browser(letter))
            write_atomically(self._mail(letter.message_key), mail)
        except OSError as error:
            # The final name appears only after everything was written.
            accepted = self.was_accepted(letter.message_key)
            return Outcome("sent") if accepted else Outcome("halt", f"outbox: {error.strerror} ({self.folder})")
        return Outcome("sent", provider_message_id=f"{ID_PREFIX}{letter.message_key}")

    def was_accepted(self, message_key: str) -> bool:
        return self._mail(message_key).exists()

    def close(self) -> None:
        write_atomically(self.folder / "index.html", _index(self.folder, self.business_date))

    def _mail(self, message_key: str) -> Path:
        return self.folder / f"{message_key}.eml"


def compose(letter: Letter) -> EmailMessage:
    """The mail with its text and HTML parts.

    Raises:
        ValueError: an address or a header value cannot stand in a mail.
    """
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = letter.subject
    mail["From"] = Address(letter.sender.name, addr_spec=letter.sender.address)
    mail["To"] = Address(letter.to_name, addr_spec=letter.to_address)
    mail["Reply-To"] = letter.sender.reply_to
    mail[KEY_HEADER] = letter.message_key
    mail[TEMPLATE_HEADER] = letter.template
    for name, value in letter.headers:
        mail[name] = value
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    page = mail.get_body(("html",))
    for picture in letter.pictures:
        page.add_related(
            picture.content,
            maintype="image",
            subtype="png",
            cid=f"<{picture.content_id}>",
            disposition="inline",
            filename=picture.file_name,
        )
    return mail


def compose_text(text: Text) -> EmailMessage:
    """A message to a telephone, kept in the form of a mail so that all of the outbox is read with one program."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = CHANNELS[text.channel]
    mail["To"] = Address(text.to_name, username=text.to_number, domain=f"{text.channel}.invalid")
    mail[KEY_HEADER] = text.message_key
    mail[TEMPLATE_HEADER] = text.template
    mail.set_content(text.body)
    return mail


def for_a_browser(letter: Letter | Text) -> str:
    """The letter as one page: a browser that opens a file knows no ``cid:``, so the pictures are written into it."""
    if isinstance(letter, Text):
        return _TEXT_PAGE.format(
            channel=CHANNELS[letter.channel], number=html.escape(letter.to_number), body=html.escape(letter.body)
        )
    page = letter.html
    for picture in letter.pictures:
        page = page.replace(f"cid:{picture.content_id}", f"data:image/png;base64,{b64encode(picture.content).decode()}")
    return page


def _index(folder: Path, business_date: date) -> str:
    parser = BytesHeaderParser(policy=policy.default)
    rows = []
    for path in sorted(folder.glob("*.eml")):
        with path.open("rb") as handle:
            mail = parser.parse(handle)
        rows.append((str(mail[TEMPLATE_HEADER]), str(mail["To"]), str(mail["Subject"]), path.stem))
    cells = "\n".join(
        f'<tr><td><a href="{html.escape(key)}.html">{html.escape(subject)}</a></td><td>{html.escape(to)}</td>'
        f'<td>{html.escape(template)}</td><td><a href="{html.escape(key)}.eml">eml</a></td></tr>'
        for template, to, subject, key in sorted(rows)
    )
    day = business_date.strftime("%d/%m/%Y")
    return _PAGE.format(day=day, number=len(rows), cells=cells)


_PAGE = """<!DOCTYPE html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Caixa de saída de {day}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin-bottom: .25rem; }}
p {{ margin-top: 0; opacity: .75; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #8884; }}
</style></head><body>
<h1>Caixa de saída de {day}</h1>
<p>{number} mensagens escritas em arquivo; nenhuma foi enviada a clientes.</p>
<table><thead><tr><th>Assunto</th><th>Para</th><th>Modelo</th><th>Arquivo</th></tr></thead>
<tbody>
{cells}
</tbody></table>
</body></html>
"""

_TEXT_PAGE = """<!DOCTYPE html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{channel}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 30rem; padding: 0 1rem; }}
html {{ background: #efeae2; color: #1f2933; }}
p {{ margin: 0 0 .5rem; }}
.text {{ background: #fff; border-radius: 0 12px 12px 12px; padding: .75rem 1rem; white-space: pre-line; }}
</style></head><body>
<p><strong>{channel}</strong> para {number}</p>
<p class="text">{body}</p>
</body></html>
"""
