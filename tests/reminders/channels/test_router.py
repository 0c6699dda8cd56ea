"""The router: each message is sent by the channel that the plan names."""

from cobranca.reminders import deliver, plan
from cobranca.reminders.channels.router import ChannelRouter
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
