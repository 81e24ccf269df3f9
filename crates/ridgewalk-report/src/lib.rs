//! Report pages and figures: what a survey found, as one self-contained HTML file or as SVG and PNG.
//!
//! Input is plain numbers ([`ridgewalk::survey::Finding`], [`ridgewalk::survey::Figure`]); output is text or
//! bytes, which the caller writes. A page needs no network and no script to be read; its small script adds
//! tooltips, zoom, legends that toggle series, and downloads.
//!
//! - [`Page`]: a whole report.
//! - [`figure_svg`]: one figure as an SVG file.
//! - [`sheet_png`]: the images of a figure as one PNG file.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bars;
mod curves;
mod density;
mod escape;
mod figure;
mod film;
mod finding;
mod gallery;
mod number;
mod page;
mod palette;
mod plane;
mod scale;
mod sheet;
mod strip;
mod svg;
mod table;

pub use escape::file_stem;
pub use figure::figure_svg;
pub use number::format_number;
pub use page::{Footer, Item, Page, Section};
pub use sheet::{images, sheet_png};
