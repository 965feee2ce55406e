//! Signatures and keys, alone and against OpenSSH's own tool.

mod keys;
mod openssh;
mod refused;
mod support;
