//! The wallet on Askar stores: those of ACA-Py open as they are, and ACA-Py opens what is made here.
