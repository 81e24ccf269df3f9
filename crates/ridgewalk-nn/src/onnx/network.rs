//! A network of a file: which of its inputs is what, and how it is asked.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, ArrayView2, Axis};
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType};
use ridgewalk::Shape;

use super::library;
use super::options::OnnxOptions;
use crate::error::{Error, Result};

/// Images that are asked of together.
const IMAGES: usize = 16;
/// Vectors that are asked of together, always as many: results of a product depend on how many rows it has.
const VECTORS: usize = 64;
const EXPORT: &str = "export it anew, with one input of noisy points ([batch, d] or [batch, channels, rows, columns]) and at \
                      most one of the noise level";

/// Where the network is told the noise level.
struct Level {
    name: String,
    element: TensorElementType,
    rank: usize,
    /// Whether one number is for all points.
    single: bool,
}

/// A network and the roles of its inputs.
pub(super) struct OnnxNetwork {
    session: Mutex<Session>,
    noisy: String,
    level: Option<Level>,
    output: String,
    /// `[channels, rows, columns]`, or none of vectors.
    planes: Option<[usize; 3]>,
    dim: usize,
    /// Points that the file asks for, if it asks for a number.
    batch: Option<usize>,
}

impl OnnxNetwork {
    /// # Errors
    /// If the library is not there, the file is no network, or its inputs and outputs are not those of a denoiser.
    pub fn load(path: &Path, options: &OnnxOptions) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::file(path, "is not there, or no regular file", "check the path"));
        }
        let environment = library::environment(options.library.as_deref())?;
        let session = open(&environment, path, options.threads)
            .map_err(|e| Error::file(path, format!("is no network that can be run ({e})"), EXPORT))?;
        let roles = Roles::of(path, &session, options)?;
        Ok(OnnxNetwork {
            noisy: roles.noisy,
            level: roles.level,
            output: roles.output,
            planes: roles.planes,
            dim: roles.dim,
            batch: roles.batch,
            session: Mutex::new(session),
        })
    }

    /// What a point is; images of neither one nor three channels count as vectors.
    pub fn shape(&self) -> Shape {
        match self.planes {
            Some([channels @ (1 | 3), height, width]) => Shape::Image { height, width, channels },
            _ => Shape::Vector(self.dim),
        }
    }

    /// Numbers of a point.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Name of the input of the noise level, if there is one.
    pub fn level(&self) -> Option<&str> {
        self.level.as_ref().map(|level| level.name.as_str())
    }

    /// Name of the output.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The answer for points `[n, d]`, images with their channels last.
    pub fn run(&self, x: ArrayView2<f64>, level: Option<f64>) -> ridgewalk::Result<Array2<f64>> {
        let size = self.batch.unwrap_or(if self.planes.is_some() { IMAGES } else { VECTORS });
        let fixed = self.batch.is_some() || self.planes.is_none();
        let mut out = Array2::zeros(x.raw_dim());
        for (part, mut to) in x.axis_chunks_iter(Axis(0), size).zip(out.axis_chunks_iter_mut(Axis(0), size)) {
            let rows = if fixed { size } else { part.nrows() };
            let answer = self.ask(part, rows, level)?;
            for (mut to, answer) in to.outer_iter_mut().zip(answer.chunks_exact(self.dim)) {
                to.iter_mut().enumerate().for_each(|(k, value)| *value = f64::from(answer[self.place(k)]));
            }
        }
        match out.indexed_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(out),
            Some(((row, column), value)) => Err(ridgewalk::Error::NonFinite {
                what: "the answer of the ONNX network (f32)".into(),
                row,
                column,
                value: *value,
            }),
        }
    }

    /// Where the network has coordinate `k` of a point, whose channels are its last axis.
    fn place(&self, k: usize) -> usize {
        match self.planes {
            None => k,
            Some([channels, height, width]) => (k % channels) * height * width + k / channels,
        }
    }

    /// The network's numbers for so many rows; those beyond the points are zeros.
    fn ask(&self, x: ArrayView2<f64>, rows: usize, level: Option<f64>) -> ridgewalk::Result<Vec<f32>> {
        let mut values = vec![0f32; rows * self.dim];
        for (row, to) in x.outer_iter().zip(values.chunks_exact_mut(self.dim)) {
            row.iter().enumerate().for_each(|(k, value)| to[self.place(k)] = *value as f32);
        }
        let fault = |problem: String| ridgewalk::Error::Numerical {
            what: "ONNX network",
            problem,
            help: "check the file with the package onnxruntime of Python".into(),
        };
        let failed = |e: ort::Error| fault(e.to_string());
        let mut shape = vec![rows as i64];
        match self.planes {
            None => shape.push(self.dim as i64),
            Some(sides) => shape.extend(sides.map(|side| side as i64)),
        }
        let noisy = Tensor::from_array((shape, values)).map_err(failed)?;
        let mut inputs: Vec<(&str, SessionInputValue)> = vec![(&self.noisy, noisy.into())];
        if let (Some(input), Some(number)) = (&self.level, level) {
            inputs.push((&input.name, input.tensor(rows, number).map_err(failed)?));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs).map_err(failed)?;
        let answer = outputs.get(&self.output).ok_or_else(|| fault("gave no answer".into()))?;
        let (_, numbers) = answer.try_extract_tensor::<f32>().map_err(failed)?;
        if numbers.len() != rows * self.dim {
            let expected = rows * self.dim;
            return Err(fault(format!("gave {} numbers where {expected} were expected", numbers.len())));
        }
        Ok(numbers.to_vec())
    }
}

fn open(
    environment: &ort::environment::Environment,
    path: &Path,
    threads: Option<usize>,
) -> Result<Session, ort::Error> {
    let mut builder = Session::builder(environment)?.with_deterministic_compute(true)?;
    if let Some(threads) = threads {
        builder = builder.with_intra_threads(threads)?;
    }
    builder.commit_from_file(path)
}

impl Level {
    fn tensor(&self, rows: usize, number: f64) -> Result<SessionInputValue<'static>, ort::Error> {
        let count = if self.single { 1 } else { rows };
        let shape: Vec<i64> = match self.rank {
            0 => Vec::new(),
            rank => std::iter::once(count as i64).chain(std::iter::repeat_n(1, rank - 1)).collect(),
        };
        Ok(match self.element {
            TensorElementType::Int64 => {
                Tensor::from_array((shape, vec![number.round() as i64; count]))?.into()
            }
            TensorElementType::Float64 => Tensor::from_array((shape, vec![number; count]))?.into(),
            _ => Tensor::from_array((shape, vec![number as f32; count]))?.into(),
        })
    }
}

/// Element type and sizes of an input or output; sizes that are left open are −1.
fn tensor(outlet: &Outlet) -> Option<(TensorElementType, &[i64])> {
    Some((outlet.dtype().tensor_type()?, outlet.dtype().tensor_shape()?))
}

fn sizes(outlet: &Outlet) -> String {
    match tensor(outlet) {
        None => format!("`{}`, no tensor", outlet.name()),
        Some((element, shape)) => {
            let shape: Vec<String> =
                shape.iter().map(|n| if *n < 0 { "?".into() } else { n.to_string() }).collect();
            format!("`{}` [{}] of {element}", outlet.name(), shape.join(", "))
        }
    }
}

fn list<'a>(outlets: impl IntoIterator<Item = &'a Outlet>) -> String {
    outlets.into_iter().map(sizes).collect::<Vec<_>>().join(", ")
}

/// Whether these could be the sizes of noisy points.
fn of_points(outlet: &Outlet) -> bool {
    match tensor(outlet) {
        Some((_, shape)) => match shape.len() {
            2 => shape.last() != Some(&1),
            4 => shape.iter().skip(1).any(|n| *n != 1),
            _ => false,
        },
        None => false,
    }
}

struct Roles {
    noisy: String,
    level: Option<Level>,
    output: String,
    planes: Option<[usize; 3]>,
    dim: usize,
    batch: Option<usize>,
}

impl Roles {
    fn of(path: &Path, session: &Session, options: &OnnxOptions) -> Result<Self> {
        let error = |problem: String| Error::file(path, problem, EXPORT);
        let inputs = session.inputs();
        let named = |name: &str| {
            inputs
                .iter()
                .find(|input| input.name() == name)
                .ok_or_else(|| error(format!("has no input `{name}`: it has {}", list(inputs))))
        };
        let noisy = match &options.noisy {
            Some(name) => named(name)?,
            None => inputs
                .iter()
                .find(|input| of_points(input) && Some(input.name()) != options.level.as_deref())
                .ok_or_else(|| error(format!("has no input for noisy points: it has {}", list(inputs))))?,
        };
        let Some((TensorElementType::Float32, shape)) = tensor(noisy) else {
            return Err(error(format!("takes points as {}, where numbers of f32 belong", sizes(noisy))));
        };
        let (planes, dim) = point(path, noisy, shape, options.sides)?;
        let others: Vec<&Outlet> = inputs.iter().filter(|input| input.name() != noisy.name()).collect();
        let level = match (&options.level, others.as_slice()) {
            (None, []) => None,
            (None, [only]) => Some(*only),
            (Some(name), [only]) if only.name() == name => Some(*only),
            (Some(name), []) => return Err(error(format!("has no input `{name}` beside the points"))),
            (_, others) => {
                let held = list(others.iter().copied());
                return Err(error(format!("wants more than points and a noise level: {held}")));
            }
        };
        let level = level.map(|outlet| {
            level_input(outlet).ok_or_else(|| {
                error(format!("takes the noise level as {}, where one number a point belongs", sizes(outlet)))
            })
        });
        let output = output(path, session, options, shape)?;
        let batch = shape.first().and_then(|n| usize::try_from(*n).ok()).filter(|n| *n > 0);
        Ok(Roles { noisy: noisy.name().into(), level: level.transpose()?, output, planes, dim, batch })
    }
}

/// Planes and numbers of a point.
fn point(
    path: &Path,
    noisy: &Outlet,
    shape: &[i64],
    sides: Option<(usize, usize)>,
) -> Result<(Option<[usize; 3]>, usize)> {
    let size = |n: i64| usize::try_from(n).ok().filter(|n| *n > 0);
    let open = |what: &str, help: &str| {
        Error::file(path, format!("leaves open how many {what} its points {} have", sizes(noisy)), help)
    };
    match *shape {
        [_, d] => match size(d) {
            Some(d) => Ok((None, d)),
            None => Err(open("numbers", EXPORT)),
        },
        [_, channels, height, width] => {
            let channels = size(channels).ok_or_else(|| open("channels", EXPORT))?;
            let own = size(height).zip(size(width));
            let sides = match (own, sides) {
                (Some(own), Some(sides)) if own != sides => {
                    let problem = format!(
                        "is of images of {}×{}, and {}×{} were asked for",
                        own.0, own.1, sides.0, sides.1
                    );
                    return Err(Error::file(path, problem, "ask for its own size"));
                }
                (own, sides) => own.or(sides),
            };
            let (height, width) =
                sides.ok_or_else(|| open("rows and columns", "say how many: `sides`, or --shape HxW"))?;
            match height.checked_mul(width).and_then(|n| n.checked_mul(channels)) {
                Some(dim) if (1..=1 << 28).contains(&dim) => Ok((Some([channels, height, width]), dim)),
                _ => Err(Error::file(
                    path,
                    format!("cannot be asked for images of {height}×{width}"),
                    "ask for less",
                )),
            }
        }
        _ => Err(Error::file(path, format!("takes points as {}", sizes(noisy)), EXPORT)),
    }
}

fn level_input(outlet: &Outlet) -> Option<Level> {
    let (element, shape) = tensor(outlet)?;
    let known = [TensorElementType::Float32, TensorElementType::Float64, TensorElementType::Int64];
    let each = shape.iter().skip(1).all(|n| *n == 1);
    (known.contains(&element) && each).then(|| Level {
        name: outlet.name().into(),
        element,
        rank: shape.len(),
        single: matches!(shape.first(), None | Some(1)),
    })
}

fn output(path: &Path, session: &Session, options: &OnnxOptions, points: &[i64]) -> Result<String> {
    let outputs = session.outputs();
    let fits = |outlet: &Outlet| match tensor(outlet) {
        Some((TensorElementType::Float32, shape)) => {
            let same = shape.iter().zip(points).skip(1).all(|(a, b)| *a < 0 || *b < 0 || a == b);
            shape.len() == points.len() && same
        }
        _ => false,
    };
    let found = match &options.output {
        Some(name) => outputs.iter().find(|outlet| outlet.name() == name && fits(outlet)),
        None => outputs.iter().find(|outlet| fits(outlet)),
    };
    found.map(|outlet| outlet.name().to_string()).ok_or_else(|| {
        let wanted = options.output.as_deref().map_or_else(String::new, |name| format!(" named `{name}`"));
        let problem = format!("has no output{wanted} of the points' shape: it gives {}", list(outputs));
        Error::file(path, problem, "give a denoiser, whose answer has the shape of its points")
    })
}
