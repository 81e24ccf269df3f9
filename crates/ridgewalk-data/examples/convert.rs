//! Reads points in any known format and writes them in another one:
//! `cargo run -p ridgewalk-data --example convert -- digits digits.parquet`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        eprintln!("usage: convert FROM TO");
        return ExitCode::FAILURE;
    };
    let result = ridgewalk_data::load(from).and_then(|points| {
        println!("{}", ridgewalk_data::describe(&points));
        ridgewalk_data::write_points(Path::new(to), &points)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
