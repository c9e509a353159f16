package com.scalar.dl.ledger.error;

import com.scalar.dl.ledger.service.StatusCode;

/** An error with a code of its own within a component. */
public interface ScalarDlError {
  String getComponentName();

  StatusCode getStatusCode();

  String getId();

  String getMessage();

  String getCause();

  String getSolution();

  default void validate(String component, StatusCode status, String id, String message, String cause, String solution) {}

  /** The code and the text, with what it says of this occurrence. */
  default String buildMessage(Object... details) {
    String text = details.length > 0 ? String.format(getMessage(), details) : getMessage();
    return getComponentName() + "-" + getStatusCode().get() + getId() + ": " + text;
  }
}
