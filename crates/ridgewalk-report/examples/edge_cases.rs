//! A page of hostile texts and awkward numbers, to be looked at in a browser.

#[path = "../tests/fixtures/mod.rs"]
#[allow(missing_docs)]
mod fixtures;

fn main() {
    print!("{}", fixtures::page().to_html());
}
