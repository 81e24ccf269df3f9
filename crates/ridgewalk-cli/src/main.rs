//! ridgewalk
fn main() {}
