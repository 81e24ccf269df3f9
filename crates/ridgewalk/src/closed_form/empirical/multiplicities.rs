//! Equal points: one of each, and how often it occurs.

use std::collections::{HashMap, HashSet};

use ndarray::ArrayView2;

/// The first row of every set of equal rows, and how many there are; `None` if all rows differ.
pub(in crate::closed_form) fn multiplicities(points: ArrayView2<f64>) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut by_bits: HashMap<Vec<u64>, usize> = HashMap::new();
    let (mut first, mut counts) = (Vec::new(), Vec::new());
    // A short hash first: whole rows are compared only where it says that two may be equal.
    let mut hashes: Vec<(u64, usize)> = points
        .outer_iter()
        .enumerate()
        .map(|(i, row)| {
            (
                row.iter()
                    .fold(0u64, |h, v| (h.rotate_left(5) ^ v.to_bits()).wrapping_mul(0x517c_c1b7_2722_0a95)),
                i,
            )
        })
        .collect();
    hashes.sort_unstable();
    let suspects: Vec<usize> = hashes
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
        .flat_map(|group| group.iter().map(|&(_, i)| i))
        .collect();
    if suspects.is_empty() {
        return None;
    }
    let suspects: HashSet<usize> = suspects.into_iter().collect();
    for (i, row) in points.outer_iter().enumerate() {
        if suspects.contains(&i) {
            // -0.0 and 0.0 are the same coordinate.
            let bits = row.iter().map(|v| (v + 0.0).to_bits()).collect();
            if let Some(&slot) = by_bits.get(&bits) {
                let count: &mut usize = &mut counts[slot];
                *count += 1;
                continue;
            }
            by_bits.insert(bits, first.len());
        }
        first.push(i);
        counts.push(1);
    }
    (first.len() < points.nrows()).then_some((first, counts))
}
