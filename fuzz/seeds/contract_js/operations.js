// Does what its argument says, three bytes at a time: an operation, a letter, a digit. The result lists what the host
// answered, one line each. operations.wat of contract-wasm and a contract in Rust do the same.
function invoke(ledger, argument, properties) {
  let out = "";
  const line = (answer) => { out += JSON.stringify(answer) + "\n"; };
  for (let at = 0; at < argument.length; at += 3) {
    const letter = argument[at + 1], digit = argument[at + 2];
    switch (argument[at]) {
      case "p": ledger.put(letter, JSON.parse(digit)); break;
      case "g": line(ledger.get(letter)); break;
      case "h": line(ledger.get(letter, letter)); break;
      case "q": ledger.put(letter, letter, JSON.parse(digit)); break;
      case "s": line(ledger.scan({ id: letter, order: "desc", limit: JSON.parse(digit) })); break;
      case "n": out += ledger.invoke("operations", "p" + letter + digit) + "\n"; break;
      case "m": out += ledger.invoke("operations", "f" + letter + digit) + "\n"; break;
      case "r": out += (ledger.isRoot() ? "1" : "0") + "\n"; break;
      case "k": line(ledger.getClientIdentityKey()); break;
      case "y": line(properties); break;
      case "c": ledger.setContext(letter + digit); break;
      case "f": throw new ContractContextException(letter + digit);
    }
  }
  return out;
}
