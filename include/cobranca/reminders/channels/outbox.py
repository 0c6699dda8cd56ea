"""The outbox: a channel that writes messages as files to ``outbox/<D>`` and sends nothing.

A message counts as accepted once its ``.eml`` file is flushed to disk and has its final name.
"""

import html
import re
from base64 import b64encode
from datetime import date
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path

from cobranca.labels import CHANNELS
from cobranca.partitions.manifest import write_atomically
from cobranca.reminders.channels.protocol import Letter, Outcome, Text

KEY_HEADER = "X-Cobranca-Message-Key"
# The prefix of message ids by which the ledger recognises a contact that was not sent.
ID_PREFIX = "outbox:"
TEMPLATE_HEADER = "X-Cobranca-Template"
# How the files of attachments end.
ATTACHED = ".csv"


class Outbox:
    """Writes each message to the outbox folder, and an index of them.

    ``<message_key>.eml`` is the whole mail, ``<message_key>.html`` a page for a browser, and
    ``<message_key>.csv`` the statement that a long letter carries. ``index.html`` is written on
    ``close``.
    """

    name = "outbox"
    is_real = False
    threads = 4

    def __init__(self, folder: Path, business_date: date):
        self.folder = folder
        self.business_date = business_date
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, message: Letter | Text) -> Outcome:
        try:
            mail = compose_text(message) if isinstance(message, Text) else compose(message)
            content = mail.as_bytes()
        except ValueError:
            return Outcome("rejected", "endereço ou cabeçalho inválido")
        try:
            write_page(self.folder, message.message_key, message)
            write_atomically(self._mail_path(message.message_key), content)
        except OSError as error:
            # A mail that has its final name was written completely.
            accepted = self.was_accepted(message.message_key)
            return (
                Outcome("sent")
                if accepted
                else Outcome("halt", f"outbox: {error.strerror} ({self.folder})")
            )
        return Outcome("sent", provider_message_id=f"{ID_PREFIX}{message.message_key}")

    def was_accepted(self, message_key: str) -> bool:
        return self._mail_path(message_key).exists()

    def close(self) -> None:
        write_atomically(self.folder / "index.html", _index(self.folder, self.business_date))

    def _mail_path(self, message_key: str) -> Path:
        return self.folder / f"{message_key}.eml"


def compose(letter: Letter) -> EmailMessage:
    """Compose a letter as a mail with text, HTML, pictures and an attachment.

    Raises:
        ValueError: an address or a header value is not allowed in a mail.
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
    assert page is not None  # added just before
    for picture in letter.pictures:
        page.add_related(
            picture.content,
            maintype="image",
            subtype="png",
            cid=f"<{picture.content_id}>",
            disposition="inline",
            filename=picture.file_name,
        )
    if attachment := letter.attachment:
        maintype, subtype = attachment.media_type.split("/")
        mail.add_attachment(
            attachment.content, maintype=maintype, subtype=subtype, filename=attachment.file_name
        )
    return mail


def compose_text(text: Text) -> EmailMessage:
    """Compose a text as a mail, so that one program reads the whole outbox."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = CHANNELS[text.channel]
    mail["To"] = Address(text.to_name, username=text.to_number, domain=f"{text.channel}.invalid")
    mail[KEY_HEADER] = text.message_key
    mail[TEMPLATE_HEADER] = text.template
    mail.set_content(text.body)
    return mail


def write_page(folder: Path, name: str, message: Letter | Text) -> None:
    """Write ``<name>.html``, and what is attached to the message as ``<name>.csv``.

    An attachment of an attempt before, when more was open, is removed.
    """
    attached = folder / f"{name}{ATTACHED}"
    if isinstance(message, Letter) and message.attachment:
        write_atomically(attached, message.attachment.content)
    else:
        attached.unlink(missing_ok=True)
    write_atomically(folder / f"{name}.html", _browser_page(message, name))


def _browser_page(message: Letter | Text, name: str) -> str:
    """A message as one HTML page with embedded pictures, and a link to what is attached.

    A browser cannot resolve the ``cid:`` references of a mail, and shows no attachments.
    """
    if isinstance(message, Text):
        return _TEXT_PAGE.format(
            channel=CHANNELS[message.channel],
            number=html.escape(message.to_number),
            body=html.escape(message.body),
        )
    page = message.html
    for picture in message.pictures:
        page = page.replace(
            f"cid:{picture.content_id}",
            f"data:image/png;base64,{b64encode(picture.content).decode()}",
        )
    if message.attachment is None:
        return page
    link = _ATTACHMENT.format(
        file=html.escape(f"{name}{ATTACHED}"), name=html.escape(message.attachment.file_name)
    )
    return re.sub(r"<body[^>]*>", lambda body: body[0] + link, page, count=1)


def _index(folder: Path, business_date: date) -> str:
    parser = BytesHeaderParser(policy=policy.default)
    rows, attached = [], {path.stem for path in folder.glob(f"*{ATTACHED}")}
    for path in sorted(folder.glob("*.eml")):
        with path.open("rb") as handle:
            mail = parser.parse(handle)
        rows.append((str(mail[TEMPLATE_HEADER]), str(mail["To"]), str(mail["Subject"]), path.stem))
    cells = "\n".join(
        _ROW.format(
            template=html.escape(template),
            to=html.escape(to),
            subject=html.escape(subject),
            key=html.escape(key),
            attached=_LINK.format(file=html.escape(f"{key}{ATTACHED}")) if key in attached else "",
        )
        for template, to, subject, key in sorted(rows)
    )
    day = business_date.strftime("%d/%m/%Y")
    return _PAGE.format(day=day, number=len(rows), cells=cells)


_ROW = (
    '<tr><td><a href="{key}.html">{subject}</a></td><td>{to}</td><td>{template}</td>'
    '<td><a href="{key}.eml">eml</a>{attached}</td></tr>'
)
_LINK = ' · <a href="{file}">anexo</a>'
# What mail programs show next to a letter.
_ATTACHMENT = (
    '<p style="margin:0;padding:12px 20px;background:#fff8e1;color:#27323a;'
    'font:15px/22px system-ui,sans-serif;">Anexo: <a style="color:#0b6b63 !important;" '
    'href="{file}" download="{name}">{name}</a></p>'
)

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
td:last-child {{ white-space: nowrap; }}
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
