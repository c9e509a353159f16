package com.scalar.dl.ledger.model;

/** Says that an execution needs no more record. */
public class ExecutionFinishRequest {
  public static byte[] serialize(
      String nonce, String entityId, int keyVersion) {
    return SignedBytes.of("finish", nonce, entityId, keyVersion);
  }
}
