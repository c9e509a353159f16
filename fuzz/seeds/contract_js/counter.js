/**
 * Counts: the argument is the id of an asset, whose data is a number. The result is the new count.
 */
function invoke(ledger, argument, properties) {
  const id = String(argument);
  if (id.length < 1 || id.length > 1000) {
    throw new ContractContextException("the id has 1 to 1000 bytes");
  }
  const asset = ledger.get(id);
  const count = (asset === null ? 0 : asset.data) + 1;
  ledger.put(id, count);
  return count;
}
