package com.scalar.dl.ledger.model;

/** Asks for the contracts of an entity. */
public class ContractsListingRequest {
  public static byte[] serialize(
      String contractId, String context, String entityId, int keyVersion) {
    return SignedBytes.of(contractId, context, entityId, keyVersion);
  }
}
