package com.org1.contract;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.scalar.dl.ledger.contract.JacksonBasedContract;
import com.scalar.dl.ledger.exception.ContractContextException;
import com.scalar.dl.ledger.statemachine.Asset;
import com.scalar.dl.ledger.statemachine.Ledger;

/** The sample contract that reads: its class name is what our servers know it by. */
public class StateReader extends JacksonBasedContract {
  @Override
  public JsonNode invoke(Ledger<JsonNode> ledger, JsonNode argument, JsonNode properties) {
    JsonNode id = argument.get("asset_id");
    if (id == null) {
      throw new ContractContextException("please set asset_id in the argument");
    }
    Asset<JsonNode> asset = ledger.get(id.asText()).orElse(null);
    if (asset == null) {
      return null;
    }
    ObjectNode found = getObjectMapper().createObjectNode();
    found.put("id", asset.id()).put("age", asset.age());
    found.set("output", asset.data());
    return found;
  }
}
