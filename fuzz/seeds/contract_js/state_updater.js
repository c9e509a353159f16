/**
 * Keeps the latest state of things, as the sample of the same name that comes with Scalar DL.
 * Argument: {"asset_id": "<id>", "state": <integer>}.
 */
function invoke(ledger, argument, properties) {
  if (typeof argument !== "object" || argument === null || !("asset_id" in argument) || !("state" in argument)) {
    throw new ContractContextException("please set asset_id and state in the argument");
  }
  const asset = ledger.get(argument.asset_id);
  if (asset === null || asset.data.state !== argument.state) {
    ledger.put(argument.asset_id, { state: argument.state });
  }
  return null;
}
