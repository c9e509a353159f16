package com.org1.contract;

import com.fasterxml.jackson.databind.JsonNode;
import com.scalar.dl.ledger.contract.JacksonBasedContract;
import com.scalar.dl.ledger.exception.ContractContextException;
import com.scalar.dl.ledger.statemachine.Ledger;

/** The sample contract that writes: its class name is what our servers know it by. */
public class StateUpdater extends JacksonBasedContract {
  @Override
  public JsonNode invoke(Ledger<JsonNode> ledger, JsonNode argument, JsonNode properties) {
    JsonNode id = argument.get("asset_id");
    JsonNode state = argument.get("state");
    if (id == null || state == null) {
      throw new ContractContextException("please set asset_id and state in the argument");
    }
    int wanted = state.asInt();
    boolean unchanged =
        ledger.get(id.asText()).map(asset -> asset.data().get("state").asInt() == wanted).orElse(false);
    if (!unchanged) {
      ledger.put(id.asText(), getObjectMapper().createObjectNode().put("state", wanted));
    }
    return null;
  }
}
