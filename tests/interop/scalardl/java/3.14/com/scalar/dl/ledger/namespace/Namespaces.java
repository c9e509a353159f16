package com.scalar.dl.ledger.namespace;

/** Names of namespaces that mean something. */
public final class Namespaces {
  public static final String DEFAULT = "default";

  private Namespaces() {}
}
