/**
 * Fills a ledger: many assets by one execution with a short argument, since every state keeps the whole argument.
 * Argument: {"kind": "account" | "record" | "object", "from": <integer>, "to": <integer>, "payload": "<text>"}.
 */
function invoke(ledger, argument, properties) {
  const kind = argument.kind;
  for (let n = argument.from; n < argument.to; n++) {
    if (kind === "account") {
      const name = "customer " + n;
      ledger.put(String(n), { customer_id: n, customer_name: name, checking_balance: 100000, savings_balance: 100000 });
    } else if (kind === "record") {
      const cut = n % argument.payload.length;
      ledger.put("user" + n, { payload: argument.payload.slice(cut) + argument.payload.slice(0, cut) });
    } else {
      ledger.put("o_" + n, { object_id: String(n), hash_value: argument.payload, metadata: {} });
    }
  }
  return null;
}
