//! The deterministic solvers: each proven to its order, in both directions; the reference tables; the same
//! states in the coordinates of another process.

mod adaptive;
mod coordinates;
mod models;
mod slopes;
mod starts;
mod table;
