//! Films: a figure in two or three dimensions over a parameter, such as the noise level.
//!
//! A film is numbers only. Its marks are points and curves that stand still, move or change from frame to frame;
//! a moving point keeps its place in the list, so that a page can draw where it has been.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Parts of the longest side of what a film shows that can still be told apart.
const STEPS: f64 = 1e4;

/// A figure over a parameter. A unit is as long on every axis, and every axis is linear.
///
/// Coordinates stand row by row in flat lists: x, y (and z) of the first point, then of the second.
///
/// ```
/// use ridgewalk::survey::{Film, FilmFrame, FilmLayer, Marks, Role};
///
/// let film = Film {
///     x: "x".into(),
///     y: "y".into(),
///     z: None,
///     view: vec![],
///     parameter: "noise level σ".into(),
///     frames: vec![FilmFrame::new(1.0, "reach"), FilmFrame::new(0.1, "align")],
///     layers: vec![
///         FilmLayer::new("Data", Role::Data, Marks::Still(vec![-1.0, 0.0, 1.0, 0.0])),
///         FilmLayer::new("One sample", Role::Samples, Marks::Moving(vec![vec![0.0, 2.0], vec![0.0, 0.1]])),
///     ],
/// };
/// film.check()?;
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Film {
    /// Label of the horizontal axis, with the unit.
    pub x: String,
    /// Label of the vertical axis (of the axis into the picture, if there is a third).
    pub y: String,
    /// Label of the third axis, which points up, of a film in three dimensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub z: Option<String>,
    /// The lowest and the highest coordinate shown, one pair an axis; if there are none, every mark is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub view: Vec<(f64, f64)>,
    /// What changes from frame to frame, such as `noise level σ`.
    pub parameter: String,
    /// The frames, in the order of playing.
    pub frames: Vec<FilmFrame>,
    /// What is drawn, the last on top.
    pub layers: Vec<FilmLayer>,
}

/// One frame of a [`Film`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmFrame {
    /// The parameter's value.
    pub value: f64,
    /// What happens there in a word or two, such as the phase `reach` (may be empty).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl FilmFrame {
    /// A frame.
    pub fn new(value: f64, label: impl Into<String>) -> Self {
        FilmFrame { value, label: label.into() }
    }
}

/// Named marks of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmLayer {
    /// Name in the legend.
    pub name: String,
    /// What it is: decides its colour and its form.
    pub role: Role,
    /// Its coordinates.
    pub marks: Marks,
}

impl FilmLayer {
    /// A layer.
    pub fn new(name: impl Into<String>, role: Role, marks: Marks) -> Self {
        FilmLayer { name: name.into(), role, marks }
    }
}

/// What the marks of a [`FilmLayer`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Training data: red diamonds.
    Data,
    /// A ridge: green lines, or a cloud of green points.
    Ridge,
    /// Samples: blue points.
    Samples,
}

/// The coordinates of a [`FilmLayer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Marks {
    /// Points that stand still.
    Still(Vec<f64>),
    /// Points that move: a list a frame, the same points in the same order.
    Moving(Vec<Vec<f64>>),
    /// Points that differ from frame to frame: a list a frame.
    Clouds(Vec<Vec<f64>>),
    /// Polylines: a list a frame, a list a polyline.
    Curves(Vec<Vec<Vec<f64>>>),
}

impl Marks {
    /// Every list of coordinates.
    fn lists(&self) -> Box<dyn Iterator<Item = &Vec<f64>> + '_> {
        match self {
            Marks::Still(points) => Box::new(std::iter::once(points)),
            Marks::Moving(frames) | Marks::Clouds(frames) => Box::new(frames.iter()),
            Marks::Curves(frames) => Box::new(frames.iter().flatten()),
        }
    }

    fn lists_mut(&mut self) -> Box<dyn Iterator<Item = &mut Vec<f64>> + '_> {
        match self {
            Marks::Still(points) => Box::new(std::iter::once(points)),
            Marks::Moving(frames) | Marks::Clouds(frames) => Box::new(frames.iter_mut()),
            Marks::Curves(frames) => Box::new(frames.iter_mut().flatten()),
        }
    }

    /// Number of frames; `None` if it stands still.
    fn frames(&self) -> Option<usize> {
        match self {
            Marks::Still(_) => None,
            Marks::Moving(frames) | Marks::Clouds(frames) => Some(frames.len()),
            Marks::Curves(frames) => Some(frames.len()),
        }
    }
}

impl Film {
    /// Number of coordinates of a point: 2 or 3.
    pub fn dimension(&self) -> usize {
        if self.z.is_some() { 3 } else { 2 }
    }

    /// Whether every number is finite, every list holds whole points, every layer has as many frames as the film,
    /// moving points are as many in every frame, and the view is a range an axis.
    ///
    /// A film that passes is the same after being written as JSON and read back.
    ///
    /// # Errors
    /// If one of these does not hold: which layer, and which frame.
    pub fn check(&self) -> Result<()> {
        let d = self.dimension();
        if let Some(k) = self.frames.iter().position(|f| !f.value.is_finite()) {
            let problem =
                format!("of frame {k} has the value {}", self.frames.get(k).map_or(0.0, |f| f.value));
            return Err(Error::argument("parameter", problem, "give finite values"));
        }
        if !self.view.is_empty()
            && (self.view.len() != d || self.view.iter().any(|&(a, b)| !(b - a).is_finite() || b <= a))
        {
            let help = format!("give {d} finite ranges, each from its lower to its higher end, or none");
            return Err(Error::argument("view", format!("is {:?}", self.view), help));
        }
        for layer in &self.layers {
            if let Some(found) = layer.marks.frames().filter(|&n| n != self.frames.len()) {
                let what = format!("layer “{}” of a film", layer.name);
                let expected = format!("{}", self.frames.len());
                return Err(Error::shape(what, format!("{found} frames"), expected));
            }
            for (k, list) in layer.marks.lists().enumerate() {
                let what = || format!("list {k} of layer “{}” of a film", layer.name);
                if !list.len().is_multiple_of(d) {
                    let found = format!("{} coordinates", list.len());
                    return Err(Error::shape(what(), found, format!("a multiple of {d}")));
                }
                if let Some((at, &value)) = list.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                    return Err(Error::NonFinite { what: what(), row: at / d, column: at % d, value });
                }
            }
            if let Marks::Moving(frames) = &layer.marks {
                let first = frames.first().map_or(0, Vec::len);
                if let Some(k) = frames.iter().position(|f| f.len() != first) {
                    let what = format!("frame {k} of layer “{}” of a film", layer.name);
                    let found = format!("{} points", frames.get(k).map_or(0, Vec::len) / d);
                    return Err(Error::shape(what, found, format!("{}", first / d)));
                }
            }
        }
        Ok(())
    }

    /// With coordinates rounded to a decimal place that is at most 1/10 000 of the longest side of the view (of
    /// the range of all marks, if there is none): all that can be seen, in a third of the bytes.
    pub fn rounded(mut self) -> Self {
        let longest = self.sides().into_iter().fold(0.0, f64::max);
        if longest > 0.0 && longest.is_finite() {
            let place = libm::floor(libm::log10(longest / STEPS)).clamp(-300.0, 300.0) as i32;
            for layer in &mut self.layers {
                layer.marks.lists_mut().flatten().for_each(|v| *v = round_to(*v, place));
            }
        }
        self
    }

    /// The lengths of the sides of what is shown.
    fn sides(&self) -> Vec<f64> {
        if !self.view.is_empty() {
            return self.view.iter().map(|(a, b)| b - a).collect();
        }
        let d = self.dimension();
        (0..d)
            .map(|axis| {
                let values = self.layers.iter().flat_map(|l| l.marks.lists());
                let values = values.flat_map(|list| list.iter().skip(axis).step_by(d));
                let (low, high) = values
                    .filter(|v| v.is_finite())
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
                high - low
            })
            .collect()
    }
}

/// A value rounded to a multiple of 10^place, as the number whose shortest decimal has no digits below it.
fn round_to(value: f64, place: i32) -> f64 {
    if place > 0 {
        // Beyond 10²² a power of ten is no longer exact, nor does a picture need such numbers.
        let unit = libm::pow(10.0, f64::from(place));
        let rounded = libm::round(value / unit) * unit;
        return if rounded.is_finite() { rounded } else { value };
    }
    format!("{value:.*}", place.unsigned_abs() as usize).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(marks: Marks) -> Film {
        Film {
            x: "x".into(),
            y: "y".into(),
            z: None,
            view: vec![(-1.0, 1.0), (0.0, 0.5)],
            parameter: "σ".into(),
            frames: vec![FilmFrame::new(1.0, "reach"), FilmFrame::new(0.1, "")],
            layers: vec![FilmLayer::new("a", Role::Samples, marks)],
        }
    }

    #[test]
    fn a_checked_film_survives_json() {
        let marks = [
            Marks::Still(vec![0.1, 1.0 / 3.0]),
            Marks::Moving(vec![vec![0.1, 0.7], vec![-0.0, 1e-5]]),
            Marks::Clouds(vec![vec![], vec![0.3, 0.2]]),
            Marks::Curves(vec![vec![vec![0.0, 0.1, 0.2, 0.3], vec![]], vec![]]),
        ];
        for marks in marks {
            let film = film(marks).rounded();
            film.check().unwrap();
            let json = serde_json::to_string(&film).unwrap();
            assert_eq!(serde_json::from_str::<Film>(&json).unwrap(), film, "{json}");
            assert!(!json.contains("null"), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = [
            (Marks::Still(vec![1.0]), "“a”"),
            (Marks::Still(vec![1.0, 2.0, 3.0, f64::NAN]), "row 1, column 1"),
            (Marks::Moving(vec![vec![1.0, 2.0]]), "1 frames"),
            (Marks::Moving(vec![vec![1.0, 2.0], vec![]]), "frame 1"),
            (Marks::Curves(vec![vec![], vec![vec![f64::INFINITY, 0.0]]]), "row 0, column 0"),
        ];
        for (marks, word) in wrong {
            let message = film(marks).check().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        let mut two = film(Marks::Still(vec![]));
        two.view = vec![(1.0, 1.0), (0.0, 1.0)];
        assert!(two.check().unwrap_err().to_string().contains("view"));
        two.view = vec![];
        two.frames.push(FilmFrame::new(f64::NAN, ""));
        assert!(two.check().unwrap_err().to_string().contains("frame 2"));
    }

    #[test]
    fn rounding_moves_no_mark_by_more_than_half_a_step() {
        // Sides of 2 and 0.5: steps of 1e-4.
        let values: Vec<f64> = (0..2000).map(|i| 1.3 * libm::sin(f64::from(i))).collect();
        let rounded = film(Marks::Still(values.clone())).rounded();
        let Marks::Still(after) = &rounded.layers[0].marks else { panic!() };
        for (a, b) in values.iter().zip(after) {
            assert!((a - b).abs() <= 0.5e-4 + 1e-15, "{a} {b}");
            assert!(b.to_string().len() <= "-0.1234".len(), "{b}");
        }
        // Far from 0 the digits that tell the points apart remain; a large scale has no fraction.
        assert_eq!(round_to(1_000.123_456, -4), 1_000.123_5);
        assert_eq!(round_to(123_456.7, 2), 123_500.0);
    }
}
