//! Parquet: to come.

use std::path::Path;

use ridgewalk::PointSet;

use crate::error::{Error, Result};
use crate::load::LoadOptions;
use crate::npy::FloatWidth;

pub(crate) fn read(path: &Path, _: &LoadOptions) -> Result<PointSet> {
    Err(Error::unsupported("Parquet is not read yet", "give CSV or NPY").at_path(path))
}

/// Not written yet.
///
/// # Errors
/// Always.
pub fn write_parquet(path: &Path, _: &PointSet, _: FloatWidth) -> Result<()> {
    Err(Error::unsupported("Parquet is not written yet", "write CSV or NPY").at_path(path))
}
