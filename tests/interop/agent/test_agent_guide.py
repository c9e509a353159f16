"""The guide's scenario: a holder that is ACA-Py invites, our instance takes the invitation, messages go both ways."""

MESSAGES = 10
# What a connection shows in the guide.
MEMBERS = {
    "accept", "connection_id", "connection_protocol", "created_at", "invitation_key", "invitation_mode",
    "invitation_msg_id", "my_did", "request_id", "rfc23_state", "routing_state", "state", "their_did",
    "their_label", "their_role", "updated_at",
}  # fmt: skip


def test_a_holder_and_an_issuer(our_agent, guides_aca_py):
    holder, issuer = guides_aca_py, our_agent
    asked = {"my_label": "holder", "service_endpoint": holder.endpoint}
    made = holder.post("/connections/create-invitation", asked, multi_use="false")
    taken = issuer.post("/connections/receive-invitation", made["invitation"], alias="the holder")
    at_holder, at_issuer = made["connection_id"], taken["connection_id"]
    shown = issuer.wait_for_connection(at_issuer)
    holder.wait_for_connection(at_holder)
    assert set(shown) == MEMBERS | {"alias"}, set(shown) ^ (MEMBERS | {"alias"})
    assert (shown["state"], shown["rfc23_state"], shown["their_label"]) == ("active", "completed", "holder")
    listed = issuer.get("/connections", alias="the holder", state="completed")["results"]
    assert [connection["connection_id"] for connection in listed] == [at_issuer]

    for number in range(MESSAGES):
        issuer.post(f"/connections/{at_issuer}/send-message", {"content": f"offer {number}"})
    holder.told("basicmessages", lambda body: body["connection_id"] == at_holder, MESSAGES)
    is_answer = lambda body: body["connection_id"] == at_issuer and "received your message" in body["content"]
    issuer.told("basicmessages", is_answer, MESSAGES)
    for number in range(MESSAGES):
        holder.post(f"/connections/{at_holder}/send-message", {"content": f"question {number}"})
    asked = lambda body: body["connection_id"] == at_issuer and body["content"].startswith("question")
    assert len(issuer.told("basicmessages", asked, MESSAGES)) == MESSAGES
