//! Classifiers: networks of made-up weights against sums written out, and those of published files.

mod golden;
mod made_up;
mod support;
