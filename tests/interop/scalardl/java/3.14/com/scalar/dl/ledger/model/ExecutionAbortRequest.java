package com.scalar.dl.ledger.model;

/** Asks that an execution be given up. */
public class ExecutionAbortRequest {
  public static byte[] serialize(
      String nonce, String entityId, int keyVersion) {
    return SignedBytes.of(nonce, entityId, keyVersion);
  }
}
