package com.scalar.dl.ledger.model;

/** Registers a contract. */
public class ContractRegistrationRequest {
  public static byte[] serialize(
      String contractId, String binaryName, byte[] byteCode, String properties, String context, String entityId, int keyVersion) {
    return SignedBytes.of(contractId, binaryName, byteCode, properties, context, entityId, keyVersion);
  }
}
