package com.scalar.dl.ledger.model;

/** Registers a function. */
public class SignedFunctionRegistrationRequest {
  public static byte[] serialize(
      String functionId, String binaryName, byte[] byteCode, String context, String entityId, int keyVersion) {
    return SignedBytes.of(functionId, binaryName, byteCode, context, entityId, keyVersion);
  }
}
