//! A record of changes made by hand, tampered with by somebody who makes all hashes anew.

mod house;
mod signatures;
mod tampered;
mod when;
