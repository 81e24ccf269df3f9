//! The built program, run as a person runs it: right answers, bad input, and faults of the machine.

mod attraction;
mod autoencoder;
mod bad_data;
mod bad_flags;
mod blind;
mod blind_sampling;
mod bridges;
mod convert;
mod evaluation;
mod faults;
mod features;
mod geometry_of_noise;
mod help;
mod interruption;
mod latent;
mod microscopy;
mod networks;
mod noise;
mod onnx;
mod random_features;
mod records;
mod sampling;
mod solvers;
mod support;
mod surveys;
mod training;
