package com.scalar.dl.ledger.model;

/** Asks for a validation. */
public class LedgerValidationRequest {
  public static byte[] serialize(
      String namespace, String assetId, int startAge, int endAge, String context, String entityId, int keyVersion) {
    return SignedBytes.of(namespace, assetId, startAge, endAge, context, entityId, keyVersion);
  }
}
