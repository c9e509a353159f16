package com.scalar.dl.ledger.model;

/** Asks for an execution. */
public class ContractExecutionRequest {
  public static byte[] serialize(
      String contractId, String argument, String context, String entityId, int keyVersion) {
    return SignedBytes.of(contractId, argument, context, entityId, keyVersion);
  }
}
