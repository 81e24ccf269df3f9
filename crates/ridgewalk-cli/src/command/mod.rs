//! One file a command.

mod blind;
mod bridge;
mod data;
mod denoise;
mod eval;
mod fit;
mod import;
mod invert;
mod list;
mod manual;
mod reproduce;
mod rerun;
pub mod sample;
mod survey;
mod train;
mod walk;

use crate::arguments::Command;
use crate::failure::Result;

/// Runs a command; `arguments` are the words after the program's name, for the record.
pub fn run(command: Command, arguments: &[String]) -> Result<()> {
    match command {
        Command::Walk(walk) => walk::run(&walk, arguments),
        Command::Fit(fit) => fit::run(&fit, arguments),
        Command::Train(train) => train::run(&train, arguments),
        Command::Import(import) => import::run(&import, arguments),
        Command::Sample(sample) => sample::run(&sample, arguments),
        Command::Invert(invert) => invert::run(&invert, arguments),
        Command::Bridge(bridge) => bridge::run(&bridge, arguments),
        Command::Denoise(denoise) => denoise::run(&denoise, arguments),
        Command::Eval(eval) => eval::run(&eval),
        Command::Blind(blind) => blind::run(&blind, arguments),
        Command::Survey(survey) => survey::run(&survey, arguments),
        Command::Reproduce(reproduce) => reproduce::run(&reproduce, arguments),
        Command::Data(data) => data::run(&data),
        Command::List(list) => list::run(&list),
        Command::Rerun(rerun) => rerun::run(&rerun),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { output } => manual::pages(output.as_deref()),
    }
}
