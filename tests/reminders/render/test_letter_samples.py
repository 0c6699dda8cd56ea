"""The preview of letters: one sample of every template."""

import re

from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.reminders.render.compile_templates import template_names
from cobranca.reminders.render.letter_samples import samples, write_preview
from reminders.plans import TONIGHT


def test_every_template_has_a_sample():
    assert {message.template for _, message in samples(TONIGHT).values()} == set(template_names())
    assert {message.template for _, message in samples(TONIGHT, has_survey=False).values()} == set(
        template_names()
    ) - {"survey"}


def test_each_sample_is_written_as_html_and_text_and_listed_in_the_index(settings, tmp_path):
    index = write_preview(settings, TONIGHT, tmp_path / "letters").read_text(encoding="utf-8")
    pages = sorted(
        path.stem for path in (tmp_path / "letters").glob("*.html") if path.stem != "index"
    )
    assert pages == sorted(samples(TONIGHT, has_survey=False))
    for page in pages:
        html, text = (
            (tmp_path / "letters" / f"{page}{suffix}").read_text(encoding="utf-8")
            for suffix in (".html", ".txt")
        )
        assert f'href="{page}.html"' in index and text.startswith("Assunto: Ipê Amarelo")
        assert "cid:" not in html and not re.search(r"\{[{%]", html + text)


def test_the_sample_of_a_long_letter_is_shown_with_its_statement(settings, tmp_path):
    index = write_preview(settings, TONIGHT, tmp_path).read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.glob("*.csv")] == ["11-statement.csv"]
    assert index.count(">anexo</a>") == 1 and 'href="11-statement.csv"' in index
    page = (tmp_path / "11-statement.html").read_text(encoding="utf-8")
    assert 'href="11-statement.csv" download="relacao_de_documentos_2026-11-18.csv"' in page


def test_the_command_writes_the_preview_of_a_given_date(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("COBRANCA_CONFIG", str(settings.config))
    result = CliRunner().invoke(
        commands, ["letters", "preview", "--folder", str(tmp_path), "--business-date", "2026-02-28"]
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "index.html").exists() and "28/02/2026" in (
        tmp_path / "2-due_today.html"
    ).read_text(encoding="utf-8")
