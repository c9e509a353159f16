package com.scalar.dl.auditor.ordering;

/** What the recovery of an asset's lock came to, numbered as in the protocol. */
public enum LockRecoveryResult {
  SUCCEEDED,
  FAILED,
  NOT_RECOVERABLE,
  NOT_NEEDED;

  public int get() {
    return ordinal() + 1;
  }

  public static LockRecoveryResult getInstance(int number) {
    return values()[number - 1];
  }
}
