//! Two solvers in one: the first while a step begins above a noise level, the second from there on.
//!
//! `Switched::new(Heun::new(), Euler, level)` is what attraction wants: accuracy where nothing is
//! attracted, and below it a method that can contract a direction by more than half in a step
//! (Heun's multiplier 1 − z + z²/2 cannot).

use ndarray::Array2;

use super::{Order, Solver, Step};
use crate::error::Result;

/// One solver above a noise level, another at or below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Switched<A, B> {
    above: A,
    below: B,
    level: f64,
}

impl<A: Solver, B: Solver> Switched<A, B> {
    /// `above` for steps that begin above `level`, `below` for the others.
    pub fn new(above: A, below: B, level: f64) -> Self {
        Switched { above, below, level }
    }
}

impl<A: Solver, B: Solver> Solver for Switched<A, B> {
    fn name(&self) -> String {
        format!("{} above {:.4}, {} below", self.above.name(), self.level, self.below.name())
    }

    /// That of the solver of lower order; of a law, if either draws noise.
    fn order(&self) -> Order {
        match (self.above.order(), self.below.order()) {
            (Order::Langevin, _) | (_, Order::Langevin) => Order::Langevin,
            (Order::Path(a), Order::Path(b)) => Order::Path(a.min(b)),
            (Order::Path(a) | Order::Law(a), Order::Path(b) | Order::Law(b)) => Order::Law(a.min(b)),
        }
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let above = step.sigma > self.level;
        // What one solver remembers has no meaning to the other.
        if step.past(0).is_some_and(|past| (past.sigma > self.level) != above) {
            step.forget();
        }
        if above { self.above.step(x, step) } else { self.below.step(x, step) }
    }
}
