package com.scalar.dl.ledger.util;

import com.scalar.dl.ledger.namespace.Namespaces;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/** A contract's argument as clients of 3.13 and later send it. */
public class Argument {
  public static String format(Object argument, String nonce, String context, List<String> functionIds) {
    String namespace = context == null ? Namespaces.DEFAULT : context;
    // Without a function the client gives a list of nothing.
    String ids = functionIds.stream().filter(Objects::nonNull).collect(Collectors.joining("\u0002"));
    // Trees of Jackson, objects of JSON-P and strings all write themselves without spaces.
    return "V3\u0001" + nonce + "\u0003" + namespace + "\u0003" + ids + "\u0003" + argument;
  }
}
