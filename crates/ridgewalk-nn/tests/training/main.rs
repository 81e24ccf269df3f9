//! Training: the same run whatever interrupts it, and the files that it writes.

mod autoencoder;
mod potential;
mod resuming;
mod steps;
mod support;
