//! Reading and writing point sets, and data to begin with: embedded digits, synthetic manifolds
//! that are known exactly.
//!
//! [`load`] takes a path or a name and finds the format by content; [`write_points`] chooses it by
//! extension. Values keep the scale that they have in the file: nothing is ever normalised.
//! Hostile files give an [`Error`] that names the file and the place in it; memory is taken only
//! for what is really there, and never beyond [`LoadOptions::limit`]. Files are written under a
//! temporary name and renamed ([`atomic`]).
//!
//! ```
//! let data = ridgewalk_data::digits();
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("digits.npz");
//! ridgewalk_data::write_points(&path, &data)?;
//! assert_eq!(ridgewalk_data::load(path.to_str().unwrap())?, data);
//! # Ok::<(), ridgewalk_data::Error>(())
//! ```
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod atomic;
pub mod axes;
pub mod names;
pub mod synthetic;

mod csv;
mod digits;
mod element;
mod error;
mod folder;
mod idx;
mod info;
mod input;
mod labels;
mod load;
mod model;
mod mrc;
mod noise;
mod normalization;
mod npy;
mod npz;
mod parquet;
mod sheet;
mod table;
mod tile;
mod write;

pub use digits::digits;
pub use error::{Error, ErrorKind, Location, Result};
pub use info::{Info, describe, nearest_neighbour_spacing};
pub use load::{DEFAULT_LIMIT, LoadOptions, files, load, load_with};
pub use model::{LatentNetwork, LatentParts, LatentSpace, Model, ModelFile, Network, ReadNetwork};
pub use mrc::{MrcHeader, mrc_header, write_mrc};
pub use noise::{add_noise, add_salt_and_pepper};
pub use normalization::Normalization;
pub use npy::{FloatWidth, write_npy};
pub use npz::write_npz;
pub use parquet::write_parquet;
pub use sheet::{SheetOptions, write_sheet};
pub use synthetic::{Bumps, FourierTorus, Manifold, Spacing, Synthetic};
pub use table::LabelColumn;
pub use tile::{Tiled, tile};
pub use write::{write_csv, write_points};
