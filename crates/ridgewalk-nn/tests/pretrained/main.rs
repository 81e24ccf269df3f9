//! Pretrained blind denoisers: a network of made-up weights against sums written out, and those of the published files.

mod golden;
mod made_up;
mod support;
