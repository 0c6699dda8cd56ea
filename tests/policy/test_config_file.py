"""Tables of the configuration: headers, encodings, and what spreadsheet programs write."""

from decimal import Decimal

from cobranca.policy import load_policy
from policy.config_edits import DAY, problems, write


def test_headers_are_checked(settings):
    write(settings, "agents.csv", "agent_id;name;nivel\nana;Ana;1\n")
    use = "use: agent_id, name, level, daily_capacity, states, max_discount_rate, max_installments."
    assert problems(settings) == [
        f"agents.csv:1: column 'level' is missing; {use}",
        f"agents.csv:1: unknown column 'nivel'; {use}",
    ]


def test_a_file_in_another_encoding_says_so(settings):
    (settings.config / "agents.csv").write_bytes("agent_id;name\njoão;João\n".encode("latin-1"))
    assert problems(settings) == [
        (
            "agents.csv:1: the file is not UTF-8 text; save it again as 'CSV UTF-8' or as plain "
            "UTF-8 "
            "text."
        )
    ]


def test_spreadsheet_programs_may_save_the_tables(settings):
    """A byte-order mark, commas for semicolons, quotes, CRLF, other spellings of yes and rates."""
    text = (
        "agent_id,name,level,daily_capacity,states,max_discount_rate,max_installments\r\n"
        'ana,"Moura, Ana",senior,40,"SP RJ","12,5%",10\r\n\r\n# nobody else\r\n'
    )
    (settings.config / "agents.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (agent,) = load_policy(settings.config, DAY).agents
    assert (agent.name, agent.states, agent.max_discount_rate) == (
        "Moura, Ana",
        ("SP", "RJ"),
        Decimal("0.125"),
    )
