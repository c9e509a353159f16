package com.scalar.dl.genericcontracts;

/** Kinds of assets of the generic contracts. */
public enum AssetType {
  OBJECT,
  COLLECTION,
  TABLE,
  RECORD,
  INDEX
}
