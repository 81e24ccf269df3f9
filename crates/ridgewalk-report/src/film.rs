//! Films: their marks on a grid of whole numbers, cleaned of what cannot be drawn, and the data of the page's player.
//!
//! One unit of the grid is 1/10 000 of the longest side of what is shown, on every axis: a coordinate takes four
//! digits, and no axis is stretched.

use ridgewalk::survey::{Film, Marks, Role};
use serde_json::{Value, json};

use crate::curves::hidden_note;
use crate::number::format_number;
use crate::palette::{LIGHT, SERIES};
use crate::scale::{Domain, forward};
use crate::strip::CAMERA;

/// Units of the grid along the longest side.
const GRID: f64 = 10_000.0;
/// Marks farther away than this many units are drawn there.
const FAR: f64 = 1_000_000.0;
/// Most coordinates of a film on a page, at about five bytes each.
const MOST_COORDINATES: usize = 200_000;
/// Most frames of a film on a page.
const MOST_FRAMES: usize = 240;
/// The longest side is at most this many times as long as another, so that a straight line gets some room.
const LONGEST: f64 = 4.0;

/// A point on the grid; the third coordinate of a film in the plane is 0.
pub(crate) type Place = [i32; 3];

/// A film, ready to be drawn.
#[derive(Debug)]
pub(crate) struct Reel {
    /// One axis each, two or three.
    pub(crate) labels: Vec<String>,
    pub(crate) domains: Vec<Domain>,
    pub(crate) parameter: String,
    /// The parameter's value and the label of each frame.
    pub(crate) frames: Vec<(String, String)>,
    pub(crate) layers: Vec<Layer>,
    /// What was left out, in words.
    pub(crate) notes: Vec<String>,
}

/// One layer of a [`Reel`].
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) kind: Kind,
    /// Number of its colour.
    pub(crate) colour: usize,
    /// Points of the fullest frame, in the data.
    pub(crate) n: usize,
    /// One entry a frame (a single one, if it stands still): the polylines, or one list of points. A point that
    /// cannot be drawn is `None`; polylines have none.
    frames: Vec<Vec<Vec<Option<Place>>>>,
}

/// How the marks of a [`Layer`] change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Still,
    Moving,
    Clouds,
    Curves,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Still => "still",
            Kind::Moving => "moving",
            Kind::Clouds => "clouds",
            Kind::Curves => "curves",
        }
    }
}

impl Layer {
    /// The lists of a frame.
    pub(crate) fn at(&self, frame: usize) -> &[Vec<Option<Place>>] {
        self.frames.get(if self.kind == Kind::Still { 0 } else { frame }).map_or(&[], Vec::as_slice)
    }
}

impl Reel {
    /// The marks of a film; the reason in words if there is nothing to draw.
    pub(crate) fn of(film: &Film) -> Result<Self, &'static str> {
        if film.frames.is_empty() {
            return Err("The film has no frames.");
        }
        let d = film.dimension();
        let mut notes = Vec::new();
        let domains = domains(film, &mut notes).ok_or("There is no finite point.")?;
        let longest = domains.iter().map(Domain::span).fold(0.0, f64::max);
        let grid = Grid { low: domains.iter().map(|a| a.min).collect(), unit: longest / GRID };

        let total = film.frames.len();
        let kept: Vec<usize> = spread(total, MOST_FRAMES).collect();
        if kept.len() < total {
            notes.push(format!("Shown: {} frames of {total}, evenly thinned.", kept.len()));
        }
        let budget = MOST_COORDINATES / film.layers.len().max(1);
        let mut colours = Colours::default();
        let layers = film
            .layers
            .iter()
            .map(|layer| {
                let mut left_out = LeftOut::default();
                let (kind, frames) = lists(&layer.marks, total, &kept, &mut left_out);
                let points = |f: &Vec<&[f64]>| f.iter().map(|list| list.len() / d).sum::<usize>();
                let n = frames.iter().map(points).max().unwrap_or(0);
                let frames = thinned(frames, kind, d, budget, &mut left_out);
                let frames =
                    frames.iter().map(|lists| grid.place_all(lists, kind, d, &mut left_out)).collect();
                left_out.tell(&layer.name, &mut notes);
                let (role, colour) = (layer.role, colours.next(layer.role));
                Layer { name: layer.name.clone(), role, kind, colour, n, frames }
            })
            .collect();
        let frames = kept.iter().filter_map(|&k| film.frames.get(k));
        Ok(Reel {
            labels: [&film.x, &film.y].into_iter().chain(&film.z).cloned().collect(),
            domains,
            parameter: film.parameter.clone(),
            frames: frames.map(|f| (format_number(f.value), f.label.clone())).collect(),
            layers,
            notes,
        })
    }

    /// Whether there is a third axis.
    pub(crate) fn is_solid(&self) -> bool {
        self.domains.len() == 3
    }

    /// Data units of one unit of the grid.
    fn unit(&self) -> f64 {
        self.domains.iter().map(Domain::span).fold(0.0, f64::max) / GRID
    }

    /// Lengths of the sides on the grid.
    pub(crate) fn size(&self) -> Vec<f64> {
        self.domains.iter().map(|domain| domain.span() / self.unit()).collect()
    }

    /// The numbers of the player. Coordinates stand in flat lists; a frame of curves that is the same as an
    /// earlier one is the number of that one.
    pub(crate) fn data(&self) -> Value {
        let d = self.domains.len();
        let flat = |list: &Vec<Option<Place>>| -> Vec<Option<i32>> {
            list.iter()
                .flat_map(|place| (0..d).map(move |axis| place.and_then(|p| p.get(axis).copied())))
                .collect()
        };
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| {
                let frames: Vec<Value> = layer
                    .frames
                    .iter()
                    .enumerate()
                    .map(|(k, lists)| match layer.frames.iter().position(|other| other == lists) {
                        Some(first) if first < k => json!(first),
                        _ => json!(lists.iter().map(flat).collect::<Vec<_>>()),
                    })
                    .collect();
                json!({
                    "name": layer.name,
                    "role": layer.role,
                    "kind": layer.kind.name(),
                    "k": layer.colour,
                    "colour": LIGHT.series.get(layer.colour),
                    "frames": frames,
                })
            })
            .collect();
        json!({
            "kind": "film",
            "labels": self.labels,
            "low": self.domains.iter().map(|a| a.min).collect::<Vec<_>>(),
            "unit": self.unit(),
            "size": self.size().iter().map(|s| s.round() as i64).collect::<Vec<_>>(),
            "camera": CAMERA,
            "parameter": self.parameter,
            "values": self.frames,
            "layers": layers,
            "notes": self.notes,
        })
    }
}

/// Colours by role; a second layer of the same role gets one that no role has.
#[derive(Default)]
struct Colours {
    seen: [bool; 3],
    more: usize,
}

impl Colours {
    fn next(&mut self, role: Role) -> usize {
        // Blue, red and green of the palette.
        let own = match role {
            Role::Samples => 0,
            Role::Data => 1,
            Role::Ridge => 2,
        };
        match self.seen.get_mut(own) {
            Some(seen) if !*seen => {
                *seen = true;
                own
            }
            _ => {
                self.more += 1;
                (2 + self.more) % SERIES
            }
        }
    }
}

/// What of a layer is not drawn.
#[derive(Default)]
struct LeftOut {
    bad: usize,
    incomplete: usize,
    missing_frames: usize,
    every: usize,
}

impl LeftOut {
    fn tell(&self, name: &str, notes: &mut Vec<String>) {
        if self.bad > 0 {
            notes.push(hidden_note(self.bad, "point", name, false));
        }
        if self.incomplete > 0 {
            notes.push(format!("Not drawn: incomplete points in {} lists of “{name}”.", self.incomplete));
        }
        if self.missing_frames > 0 {
            notes.push(format!("“{name}” is missing in {} frames.", self.missing_frames));
        }
        if self.every > 1 {
            notes.push(format!("Drawn: one in {} points of “{name}”, evenly thinned.", self.every));
        }
    }
}

/// The axes: the film's view, or the range of its points with a margin, without one that is far shorter.
fn domains(film: &Film, notes: &mut Vec<String>) -> Option<Vec<Domain>> {
    let d = film.dimension();
    let given: Vec<Domain> = film
        .view
        .iter()
        .filter_map(|&(a, b)| Some((forward(false, a)?, forward(false, b)?)))
        .filter(|(a, b)| a < b)
        .filter_map(|(a, b)| Domain::of(false, [a, b].into_iter(), 0.0))
        .collect();
    let mut domains = if given.len() == d && film.view.len() == d {
        given
    } else {
        if !film.view.is_empty() {
            notes.push("The range given is not one: all marks are shown.".into());
        }
        let lists: Vec<&[f64]> = film.layers.iter().flat_map(|l| all_lists(&l.marks)).collect();
        let axis = |a: usize| {
            let values = lists.iter().flat_map(|list| list.chunks_exact(d));
            let whole = values.filter(|p| p.iter().all(|&v| forward(false, v).is_some()));
            Domain::of(false, whole.filter_map(|p| p.get(a).copied()), 0.04)
        };
        (0..d).map(axis).collect::<Option<Vec<_>>>()?
    };
    let longest = domains.iter().map(Domain::span).fold(0.0, f64::max);
    for domain in &mut domains {
        let (middle, half) = (0.5 * (domain.min + domain.max), 0.5 * domain.span().max(longest / LONGEST));
        (domain.min, domain.max) = (middle - half, middle + half);
    }
    (longest > 0.0).then_some(domains)
}

fn all_lists(marks: &Marks) -> Vec<&[f64]> {
    match marks {
        Marks::Still(points) => vec![points],
        Marks::Moving(frames) | Marks::Clouds(frames) => frames.iter().map(Vec::as_slice).collect(),
        Marks::Curves(frames) => frames.iter().flatten().map(Vec::as_slice).collect(),
    }
}

/// The lists of the frames that are kept; an absent frame is empty.
fn lists<'a>(
    marks: &'a Marks,
    total: usize,
    kept: &[usize],
    left_out: &mut LeftOut,
) -> (Kind, Vec<Vec<&'a [f64]>>) {
    let points = |frames: &'a [Vec<f64>]| -> Vec<Vec<&'a [f64]>> {
        kept.iter().map(|&k| vec![frames.get(k).map_or(&[][..], Vec::as_slice)]).collect()
    };
    let (kind, found, frames) = match marks {
        Marks::Still(points) => return (Kind::Still, vec![vec![points]]),
        Marks::Moving(frames) => (Kind::Moving, frames.len(), points(frames)),
        Marks::Clouds(frames) => (Kind::Clouds, frames.len(), points(frames)),
        Marks::Curves(frames) => {
            let curves =
                |&k: &usize| frames.get(k).map_or(Vec::new(), |f| f.iter().map(Vec::as_slice).collect());
            (Kind::Curves, frames.len(), kept.iter().map(curves).collect())
        }
    };
    left_out.missing_frames = total.saturating_sub(found);
    (kind, frames)
}

/// Every k-th point, of every frame the same ones, and of curves the last too, within a number of coordinates.
fn thinned(
    frames: Vec<Vec<&[f64]>>,
    kind: Kind,
    d: usize,
    budget: usize,
    left_out: &mut LeftOut,
) -> Vec<Vec<Vec<f64>>> {
    let coordinates: usize = frames.iter().flatten().map(|list| list.len()).sum();
    let every = coordinates.div_ceil(budget.max(1)).max(1);
    // Curves keep both ends, so that very many short ones must be fewer.
    let curves: usize = frames.iter().map(Vec::len).sum();
    let every_curve = if kind == Kind::Curves { (2 * d * curves).div_ceil(budget.max(1)).max(1) } else { 1 };
    left_out.every = every.max(every_curve);
    frames
        .into_iter()
        .map(|lists| {
            lists
                .into_iter()
                .step_by(every_curve)
                .map(|list| {
                    left_out.incomplete += usize::from(!list.len().is_multiple_of(d));
                    let last = (list.len() / d).saturating_sub(1);
                    let stays = |i: usize| i.is_multiple_of(every) || (kind == Kind::Curves && i == last);
                    let points = list.chunks_exact(d).enumerate().filter(|(i, _)| stays(*i));
                    points.flat_map(|(_, p)| p.iter().copied()).collect()
                })
                .collect()
        })
        .collect()
}

/// `most` numbers of 0..n, evenly, with the first and the last.
pub(crate) fn spread(n: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = n.min(most);
    (0..count).map(move |i| if count < 2 { 0 } else { (i * (n - 1) + (count - 1) / 2) / (count - 1) })
}

/// The map from the data's units to the grid.
struct Grid {
    low: Vec<f64>,
    unit: f64,
}

impl Grid {
    fn place(&self, point: &[f64]) -> Option<Place> {
        let mut place = [0; 3];
        for ((at, &value), low) in place.iter_mut().zip(point).zip(&self.low) {
            *at = ((forward(false, value)? - low) / self.unit).round().clamp(-FAR, FAR) as i32;
        }
        Some(place)
    }

    fn place_all(
        &self,
        lists: &[Vec<f64>],
        kind: Kind,
        d: usize,
        left_out: &mut LeftOut,
    ) -> Vec<Vec<Option<Place>>> {
        let places = lists.iter().map(|list| list.chunks_exact(d).map(|p| self.place(p)).collect::<Vec<_>>());
        let places: Vec<Vec<Option<Place>>> = places.collect();
        left_out.bad += places.iter().flatten().filter(|p| p.is_none()).count();
        if kind != Kind::Curves {
            return places;
        }
        // A gap ends a curve, and another begins after it.
        let pieces = places.iter().flat_map(|list| list.split(Option::is_none));
        pieces.filter(|piece| !piece.is_empty()).map(<[_]>::to_vec).collect()
    }
}
