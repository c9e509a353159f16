package com.scalar.dl.ledger.statemachine;

import java.util.List;

/** An asset's namespace and id. */
public final class AssetKey {
  private final List<String> parts;

  private AssetKey(String namespace, String assetId) {
    parts = List.of(namespace, assetId);
  }

  public static AssetKey of(String namespace, String assetId) {
    return new AssetKey(namespace, assetId);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AssetKey && parts.equals(((AssetKey) other).parts);
  }

  @Override
  public int hashCode() {
    return parts.hashCode();
  }
}
