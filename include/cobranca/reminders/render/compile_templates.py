"""Compile the MJML sources of the messages to the HTML that is shipped.

Run ``python -m cobranca.reminders.render.compile_templates`` after a change under
``templates/mjml``; ``--check`` writes nothing and fails when a compiled file is stale. Needs
``mrml``, which is not needed to send.

Each ``<name>.mjml`` fills the blocks of ``layout.mjml``. Jinja runs twice: ``[% … %]`` is filled by
this build, ``{{ … }}`` for each message. The plain-text templates take their title, introduction
and closing from the same source, so that both versions of a message say the same.
"""

import re
import sys
from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parent / "templates"
SOURCES = TEMPLATES / "mjml"
SHARED = ("layout", "items", "rest")
_FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
# Shared inline styles: mail programs ignore most style sheets, so each element repeats its own.
STYLES = {
    "font": _FONT,
    "text": f"font:14px/21px {_FONT};color:#3d4a50;",
    "code": (
        "margin-top:6px;padding:10px 12px;background:#f5f7f5;border:1px solid "
        "#e3e8e4;border-radius:8px;color:#27323a;"
        "font:13px/20px Menlo,Consolas,'Liberation Mono',monospace;"
    ),
    "note": "margin-top:6px;font-size:13px;line-height:19px;color:#5c6a6a;",
}


def _button(address: str, label: str) -> str:
    """A link that is drawn as a button.

    Outlook ignores the padding of links, so the table cell around the link has the same padding.
    """
    font = (
        "font:700 15px/20px Roboto,Helvetica,Arial,sans-serif;color:#ffffff;text-decoration:none;"
    )
    return (
        '<table role="presentation" cellpadding="0" cellspacing="0"><tr>'
        '<td bgcolor="{{ colors.link }}" style="border-radius:8px;mso-padding-alt:13px 24px;">'
        f'<a class="button" href="{address}" style="display:inline-block;padding:13px '
        f'24px;mso-padding-alt:0;{font}">{label}</a>'
        "</td></tr></table>"
    )


def template_names() -> list[str]:
    """Names of the templates that a step of the régua may use, in order."""
    return sorted(path.stem for path in SOURCES.glob("*.mjml") if path.stem not in SHARED)


def compile_template(name: str) -> dict[str, str]:
    """Compile one template: ``{"<name>.html": …, "<name>.txt": …}``.

    Raises:
        ValueError: the MJML compiler warned about the source.
    """
    import mrml

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SOURCES),
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= STYLES | {"button": _button}
    source = environment.get_template(f"{name}.mjml")
    # No web fonts: loading one would reveal to its host that the message was opened.
    output = mrml.to_html(source.render(), render_options=mrml.RenderOptions(fonts={}))
    if output.warnings:
        raise ValueError(
            f"{SOURCES / name}.mjml: {[str(warning.kind) for warning in output.warnings]}"
        )
    return {f"{name}.html": _tidy(output.content), f"{name}.txt": _plain_text(source)}


def _tidy(html: str) -> str:
    """Put each table row on its own line, so that a change can be read in a diff."""
    return re.sub(r"\n\s*\n+", "\n", html.replace("</tr>", "</tr>\n")).strip() + "\n"


def _plain_text(source: jinja2.Template) -> str:
    context = source.new_context()
    blocks = []
    for block in ("subject", "title", "intro", "closing"):
        text = " ".join("".join(source.blocks[block](context)).split())
        text = re.sub(r"<[^>]+>", "", text).strip()
        blocks.append(f"{{% block {block} %}}{text}{{% endblock %}}")
    return "\n".join(['{% extends "layout.txt" %}', *blocks]) + "\n"


def stale_files() -> list[str]:
    """Names of the compiled files that are missing or differ from their sources."""
    return [
        file
        for name in template_names()
        for file, content in compile_template(name).items()
        if not (TEMPLATES / file).exists()
        or (TEMPLATES / file).read_text(encoding="utf-8") != content
    ]


def main() -> None:
    """Write the compiled files, or with ``--check`` only compare them."""
    if "--check" in sys.argv[1:]:
        stale = stale_files()
        if stale:
            print(f"stale, run make templates: {', '.join(stale)}", file=sys.stderr)
        sys.exit(bool(stale))
    for name in template_names():
        for file, content in compile_template(name).items():
            (TEMPLATES / file).write_text(content, encoding="utf-8")
            print(TEMPLATES / file)


if __name__ == "__main__":
    main()
