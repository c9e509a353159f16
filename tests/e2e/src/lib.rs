//! The program from outside: whole-server and fault tests.
