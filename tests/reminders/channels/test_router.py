"""The router: each message is sent by the channel that the plan names."""

from cobranca.reminders import deliver, plan
from cobranca.reminders.channels.router import ChannelRouter
from creditor_files import make_group
from reminders.fake_channels import AcceptingChannel
from reminders.plans import PHONE, TONIGHT, message, noon, publish_plan


def test_each_message_is_sent_once_by_its_own_channel(settings, twilio):
    channel, server = twilio()
    publish_plan(settings, [message(1), message(2, channel="whatsapp"), message(3, channel="sms")])
    plan(settings, TONIGHT)
    both = ChannelRouter({"whatsapp": channel, "sms": channel})
    counts = deliver(settings, TONIGHT, channel=both, clock=noon(TONIGHT))
    assert (counts.sent, counts.rejected) == (2, 1), "e-mail is not configured here"
    assert deliver(settings, TONIGHT, channel=both, clock=noon(TONIGHT)).new == 0
    assert sorted(sent["To"] for sent in server.accepted) == [PHONE, f"whatsapp:{PHONE}"]


def test_text_messages_wait_for_contact_hours(settings, twilio):
    channel, server = twilio()
    publish_plan(settings, [message(2, channel="whatsapp", phone=PHONE)])
    plan(settings, TONIGHT)
    evening = noon(TONIGHT)().replace(hour=19)
    deliver(settings, TONIGHT, channel=ChannelRouter({"whatsapp": channel}), clock=lambda: evening)
    assert server.accepted == []
    deliver(settings, TONIGHT, channel=ChannelRouter({"whatsapp": channel}), clock=noon(TONIGHT))
    assert len(server.accepted) == 1


def test_a_letter_is_sent_by_the_account_of_its_creditor(settings):
    make_group(settings.config)
    rows = [message(1, creditor="varejo"), message(2, creditor="atacado"), message(3)]
    publish_plan(settings, rows)
    plan(settings, TONIGHT)
    accounts = {creditor: AcceptingChannel(threads=1) for creditor in ("varejo", "atacado")}
    counts = deliver(
        settings,
        TONIGHT,
        channel=ChannelRouter({"email": ChannelRouter(accounts, by="creditor")}),
        clock=noon(TONIGHT),
    )
    sent = {name: account.message_keys for name, account in accounts.items()}
    keys = [head["message_key"] for head, *_ in rows]
    assert sent == {"varejo": [keys[0]], "atacado": [keys[1]]}
    assert (counts.sent, counts.rejected) == (2, 1), "the principal is no creditor here"
