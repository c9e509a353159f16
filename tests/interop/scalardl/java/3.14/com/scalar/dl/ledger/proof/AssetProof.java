package com.scalar.dl.ledger.proof;

import com.scalar.dl.ledger.namespace.Namespaces;

/** A proof as a server sent it. */
public class AssetProof {
  private final com.scalar.dl.rpc.AssetProof sent;

  public AssetProof(com.scalar.dl.rpc.AssetProof sent) {
    this.sent = sent;
  }

  public String getNamespace() {
    return sent.getNamespace().isEmpty() ? Namespaces.DEFAULT : sent.getNamespace();
  }

  public String getId() {
    return sent.getAssetId();
  }

  public int getAge() {
    return sent.getAge();
  }

  public String getNonce() {
    return sent.getNonce();
  }

  public String getInput() {
    return sent.getInput();
  }

  public byte[] getHash() {
    return sent.getHash().toByteArray();
  }

  public byte[] getPrevHash() {
    return sent.getPrevHash().isEmpty() ? null : sent.getPrevHash().toByteArray();
  }

  public byte[] getSignature() {
    return sent.getSignature().toByteArray();
  }
}
