//! Noise-blind models against closed forms, brute-force integration and reference tables (arXiv 2602.18428).

mod closed_form;
mod sampling;
mod tables;
mod verdict;
