//! Noise-blind models against closed forms, brute-force integration and reference tables (arXiv 2602.18428).

mod clock;
mod closed_form;
mod descent;
mod sampling;
mod tables;
mod verdict;
