"""Compiled templates: those that are shipped are equal to what their sources give."""

from cobranca.reminders.render.compile_templates import TEMPLATES, compile_template, template_names
from reminders.rendering import AFTER_PAYMENT, DUNNING


def test_the_shipped_templates_are_compiled_from_their_sources():
    assert template_names() == sorted([*DUNNING, *AFTER_PAYMENT])
    for name in template_names():
        for file, content in compile_template(name).items():
            shipped = (TEMPLATES / file).read_text(encoding="utf-8")
            assert shipped == content, (
                f"run python -m cobranca.reminders.render.compile_templates ({file})"
            )
