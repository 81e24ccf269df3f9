//! Completions and man pages, from the same definition as the parser.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use ridgewalk_data::atomic::write_atomically;

use crate::arguments::Cli;
use crate::failure::{Failure, Result};
use crate::progress::result_bytes;
use crate::record::make_folder;

pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ridgewalk", &mut text);
    result_bytes(&text)
}

pub fn pages(folder: Option<&Path>) -> Result<()> {
    let render = |command: clap::Command| {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map(|()| page).map_err(|e| {
            Failure::new("the man page", format!("cannot be made ({e})"), "report this as a bug")
        })
    };
    let Some(folder) = folder else {
        return result_bytes(&render(Cli::command())?);
    };
    make_folder(folder)?;
    let mut root = Cli::command();
    root.build();
    let mut pages = vec![root];
    while let Some(command) = pages.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_string();
        let page = render(command.clone())?;
        write_atomically(&folder.join(format!("{name}.1")), |out| out.write_all(&page))?;
        pages.extend(command.get_subcommands().filter(|c| c.get_name() != "help").cloned());
    }
    Ok(())
}
