package com.scalar.dl.ledger.exception;

import com.scalar.dl.ledger.error.ScalarDlError;
import com.scalar.dl.ledger.service.StatusCode;

/** What two domains say does not agree. */
public class ValidationException extends LedgerException {
  public ValidationException(String message, StatusCode code) {
    super(message, code);
  }

  public ValidationException(ScalarDlError error, Object... details) {
    super(error.buildMessage(details), error.getStatusCode());
  }
}
