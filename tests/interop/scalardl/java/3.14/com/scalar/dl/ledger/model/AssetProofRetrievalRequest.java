package com.scalar.dl.ledger.model;

/** Asks for a proof. */
public class AssetProofRetrievalRequest {
  public static byte[] serialize(
      String namespace, String assetId, int age, String entityId, int keyVersion) {
    return SignedBytes.of(namespace, assetId, age, entityId, keyVersion);
  }
}
