package com.scalar.dl.ledger.error;

import com.scalar.dl.ledger.service.StatusCode;

/** The errors of a configuration that the client names. */
public enum CommonError implements ScalarDlError {
  REQUIRED_FIELDS_ARE_NOT_GIVEN,
  PRIVATE_KEY_AND_CERT_REQUIRED,
  SECRET_KEY_REQUIRED,
  CERT_VERSION_MUST_BE_GREATER_THAN_ZERO,
  SECRET_VERSION_MUST_BE_GREATER_THAN_ZERO;

  @Override
  public String getComponentName() {
    return "DL-COMMON";
  }

  @Override
  public StatusCode getStatusCode() {
    return StatusCode.INVALID_ARGUMENT;
  }

  @Override
  public String getId() {
    return "000";
  }

  @Override
  public String getMessage() {
    return name();
  }

  @Override
  public String getCause() {
    return "";
  }

  @Override
  public String getSolution() {
    return "";
  }
}
