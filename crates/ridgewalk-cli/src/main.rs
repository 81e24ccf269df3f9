//! The program `ridgewalk`: arguments in, calls out, no mathematics.
#![forbid(unsafe_code)]

mod arguments;
mod attraction;
mod blind_sampling;
mod command;
mod failure;
mod features;
mod guidance;
mod interrupt;
mod network;
mod noise_level;
mod onnx;
mod page;
mod predicts;
mod prepared;
mod progress;
mod random_features;
mod record;
mod sampling;
mod scratch;
mod smoothing;
mod source;
mod teleport;
mod training;
mod trajectories;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// A step of training takes and leaves hundreds of buffers of megabytes: with the usual allocator a third of its time goes
/// into fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let cli = arguments::Cli::parse();
    // A half-written file is removed before the process goes, whatever it is doing.
    ctrlc::set_handler(|| {
        if interrupt::asked() {
            return;
        }
        ridgewalk_data::atomic::remove_unfinished();
        scratch::remove_all();
        // Not eprintln: it panics where stderr is closed, and the exit below would not come.
        let message = "\nstopped; files that were complete are kept, nothing half-written is left";
        writeln!(std::io::stderr(), "{message}").ok();
        std::process::exit(130);
    })
    .ok();
    match command::run(cli.command, &arguments[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::FAILURE
        }
    }
}
