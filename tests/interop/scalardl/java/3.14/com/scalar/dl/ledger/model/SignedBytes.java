package com.scalar.dl.ledger.model;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The bytes that a request's signature covers: its fields one after another, an absent one as nothing. */
final class SignedBytes {
  private SignedBytes() {}

  static byte[] of(Object... fields) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (Object field : fields) {
      if (field instanceof Integer) {
        all.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt((Integer) field).array());
      } else if (field instanceof byte[]) {
        all.writeBytes((byte[]) field);
      } else if (field != null) {
        all.writeBytes(((String) field).getBytes(StandardCharsets.UTF_8));
      }
    }
    return all.toByteArray();
  }
}
