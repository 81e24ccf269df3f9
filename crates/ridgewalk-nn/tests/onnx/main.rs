//! ONNX networks, whose files are written here byte by byte, so that what they answer is known by hand. Without the library
//! onnxruntime these tests pass and say so.
#![cfg(feature = "onnx")]

mod answers;
mod foreign;
mod refusals;
mod support;
