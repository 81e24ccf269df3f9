//! All solvers by name: what a command line offers, what a table lists, what every test runs over.

use super::{
    Adaptive, AnnealedLangevin, Ddim, Ddpm, Deis, DpmSolver2M, DpmSolver2S, DpmSolver3M, DpmSolverSde,
    DpmSolverSde2S, Euler, EvoDiff, ExponentialAdams, Extrapolation, Heun, Ipndm, LangevinStep,
    LinearMultistep, Pair, PredictorCorrector, ReverseSde, RungeKutta4, Solver, Start, UniPc, UniPcVariant,
};
use crate::error::Result;
use crate::spec::Spec;

/// A solver that can be asked for by name.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its settings with their defaults, as in `order=2,variant=bh2`; empty if it has none.
    pub settings: &'static str,
    /// Evaluations of the model a step.
    pub evaluations: &'static str,
    /// Where it comes from: an arXiv id, or a book's name for it.
    pub source: &'static str,
    build: fn(&Spec, &Ask) -> Result<Box<dyn Solver>>,
}

/// What a solver is asked for.
struct Ask {
    /// Levels of the run.
    steps: usize,
    /// Standard deviation of the data.
    data: f64,
}

/// All of them, in the order in which a newcomer should meet them.
pub const SOLVERS: &[Entry] = &[
    Entry {
        name: "euler",
        summary: "Euler's method, which is DDIM with eta = 0",
        settings: "",
        evaluations: "1",
        source: "2010.02502",
        build: |_, _| Ok(Box::new(Euler)),
    },
    Entry {
        name: "heun",
        summary: "Heun's method, with EDM's churn where asked for, at levels from min to max",
        settings: "churn=0,noise=1,min=0,max=inf",
        evaluations: "2",
        source: "2206.00364",
        build: |spec, ask| {
            let (churn, noise) = (spec.number("churn", 0.0)?, spec.number("noise", 1.0)?);
            let max = match spec.text("max") {
                None | Some("inf") => f64::INFINITY,
                Some(_) => spec.number("max", f64::INFINITY)?,
            };
            Ok(Box::new(Heun::with_churn(churn, ask.steps, spec.number("min", 0.0)?..=max, noise)?))
        },
    },
    Entry {
        name: "dpm++2s",
        summary: "DPM-Solver++(2S), single-step",
        settings: "r=0.5",
        evaluations: "2",
        source: "2211.01095",
        build: |spec, _| Ok(Box::new(DpmSolver2S::at(spec.number("r", 0.5)?)?)),
    },
    Entry {
        name: "dpm++2m",
        summary: "DPM-Solver++(2M), multistep",
        settings: "",
        evaluations: "1",
        source: "2211.01095",
        build: |_, _| Ok(Box::new(DpmSolver2M)),
    },
    Entry {
        name: "dpm++3m",
        summary: "DPM-Solver++(3M) as released, of second order",
        settings: "",
        evaluations: "1",
        source: "2211.01095",
        build: |_, _| Ok(Box::new(DpmSolver3M)),
    },
    Entry {
        name: "unipc",
        summary: "UniPC, predictor and corrector with data prediction",
        settings: "order=2,variant=bh2,start=published",
        evaluations: "1",
        source: "2302.04867",
        build: |spec, _| {
            let unipc = UniPc::new(spec.count("order", 2)?)?;
            let variants = [UniPcVariant::Bh2, UniPcVariant::Bh1];
            let variant = variants.get(spec.word("variant", &["bh2", "bh1"])?).copied();
            Ok(Box::new(unipc.variant(variant.unwrap_or_default()).start(start(spec)?)))
        },
    },
    Entry {
        name: "deis",
        summary: "DEIS (tAB): Adams-Bashforth on the noise, interpolated in a time variable",
        settings: "order=3,time=lambda,start=published",
        evaluations: "1",
        source: "2204.13902",
        build: |spec, _| {
            let deis = Deis::new(spec.count("order", 3)?)?;
            let time = Deis::time_from_word(spec.word("time", &Deis::TIMES)?);
            Ok(Box::new(deis.time(time).start(start(spec)?)))
        },
    },
    Entry {
        name: "lms",
        summary: "linear multistep in sigma",
        settings: "order=4,start=published",
        evaluations: "1",
        source: "Adams-Bashforth",
        build: |spec, _| Ok(Box::new(LinearMultistep::new(spec.count("order", 4)?)?.start(start(spec)?))),
    },
    Entry {
        name: "eab",
        summary: "exponential Adams-Bashforth in the log-SNR",
        settings: "order=3,start=published",
        evaluations: "1",
        source: "2204.13902",
        build: |spec, _| Ok(Box::new(ExponentialAdams::new(spec.count("order", 3)?)?.start(start(spec)?))),
    },
    Entry {
        name: "ipndm",
        summary: "iPNDM: Adams-Bashforth with the weights of equal steps",
        settings: "order=4,start=published",
        evaluations: "1",
        source: "2202.09778",
        build: |spec, _| Ok(Box::new(Ipndm::new(spec.count("order", 4)?)?.start(start(spec)?))),
    },
    Entry {
        name: "evodiff",
        summary: "EVODiff: two-point multistep with coefficients from projections, of first order",
        settings: "",
        evaluations: "1",
        source: "2509.26096",
        build: |_, _| Ok(Box::new(EvoDiff)),
    },
    Entry {
        name: "rk4",
        summary: "the classical Runge-Kutta method",
        settings: "",
        evaluations: "4",
        source: "Runge-Kutta",
        build: |_, _| Ok(Box::new(RungeKutta4)),
    },
    Entry {
        name: "rk45",
        summary: "adaptive Dormand-Prince 5(4), with each sample's own steps",
        settings: "absolute=1e-5,relative=1e-5",
        evaluations: "6 or more",
        source: "Dormand-Prince",
        build: |spec, ask| {
            let (absolute, relative) = (spec.number("absolute", 1e-5)?, spec.number("relative", 1e-5)?);
            Ok(Box::new(Adaptive::new(absolute, relative)?.scale(ask.data)?))
        },
    },
    Entry {
        name: "rk23",
        summary: "adaptive Bogacki-Shampine 3(2), with each sample's own steps",
        settings: "absolute=1e-4,relative=1e-4",
        evaluations: "3 or more",
        source: "Bogacki-Shampine",
        build: |spec, ask| {
            let (absolute, relative) = (spec.number("absolute", 1e-4)?, spec.number("relative", 1e-4)?);
            let pair = Adaptive::new(absolute, relative)?.pair(Pair::BogackiShampine);
            Ok(Box::new(pair.scale(ask.data)?))
        },
    },
    Entry {
        name: "reverse-sde",
        summary: "Euler-Maruyama on the reverse SDE",
        settings: "",
        evaluations: "1",
        source: "2011.13456",
        build: |_, _| Ok(Box::new(ReverseSde)),
    },
    Entry {
        name: "ddim",
        summary: "DDIM; eta = 0 is euler, eta = 1 ancestral sampling; the same as Euler ancestral",
        settings: "eta=0",
        evaluations: "1",
        source: "2010.02502",
        build: |spec, _| Ok(Box::new(Ddim::new(spec.number("eta", 0.0)?)?)),
    },
    Entry {
        name: "ddpm",
        summary: "ancestral sampling; variance=large takes data=, their standard deviation where not given",
        settings: "variance=small",
        evaluations: "1",
        source: "2006.11239",
        build: |spec, ask| match spec.word("variance", &["small", "large"])? {
            0 => Ok(Box::new(Ddpm::small())),
            _ => Ok(Box::new(Ddpm::large(spec.number("data", ask.data)?)?)),
        },
    },
    Entry {
        name: "sde-dpm++1",
        summary: "SDE-DPM-Solver++ of first order; eta = 1 is ddpm",
        settings: "eta=1",
        evaluations: "1",
        source: "2211.01095",
        build: |spec, _| Ok(Box::new(DpmSolverSde::new(Extrapolation::Constant, spec.number("eta", 1.0)?)?)),
    },
    Entry {
        name: "sde-dpm++2m",
        summary: "SDE-DPM-Solver++ (2M), multistep; kind is midpoint or heun",
        settings: "eta=1,kind=midpoint",
        evaluations: "1",
        source: "2211.01095",
        build: |spec, _| {
            let kind = match spec.word("kind", &["midpoint", "heun"])? {
                0 => Extrapolation::Midpoint,
                _ => Extrapolation::Heun,
            };
            Ok(Box::new(DpmSolverSde::new(kind, spec.number("eta", 1.0)?)?))
        },
    },
    Entry {
        name: "sde-dpm++3m",
        summary: "SDE-DPM-Solver++ (3M), multistep",
        settings: "eta=1",
        evaluations: "1",
        source: "2211.01095",
        build: |spec, _| Ok(Box::new(DpmSolverSde::new(Extrapolation::Quadratic, spec.number("eta", 1.0)?)?)),
    },
    Entry {
        name: "sde-dpm++2s",
        summary: "SDE-DPM-Solver++ (2S), single-step, also known as DPM++ SDE",
        settings: "eta=1",
        evaluations: "2",
        source: "2211.01095",
        build: |spec, _| Ok(Box::new(DpmSolverSde2S::new(spec.number("eta", 1.0)?)?)),
    },
    Entry {
        name: "pc",
        summary: "a predictor, as predictor=ddim:eta=1, and Langevin moves; rule=snr widens laws in few dimensions",
        settings: "predictor=reverse-sde,moves=1,rule=fixed,size=0.0512",
        evaluations: "1 + moves",
        source: "2011.13456",
        build: |spec, ask| {
            let size = match spec.word("rule", &["fixed", "snr"])? {
                0 => LangevinStep::Fixed(spec.number("size", 2.0 * SIGNAL_TO_NOISE * SIGNAL_TO_NOISE)?),
                _ => LangevinStep::SignalToNoise(spec.number("size", SIGNAL_TO_NOISE)?),
            };
            let predictor = named_for(spec.text("predictor").unwrap_or("reverse-sde"), ask.steps, ask.data)?;
            Ok(Box::new(PredictorCorrector::new(predictor, spec.count("moves", 1)?, size)?))
        },
    },
    Entry {
        name: "annealed-langevin",
        summary: "Langevin moves at every level, of step sigma^2; right for many moves and levels",
        settings: "moves=100,step=0.1",
        evaluations: "moves",
        source: "1907.05600",
        build: |spec, _| {
            Ok(Box::new(AnnealedLangevin::new(spec.count("moves", 100)?, spec.number("step", 0.1)?)?))
        },
    },
];

/// How a multistep method takes its first steps.
fn start(spec: &Spec) -> Result<Start> {
    Ok(Start::from_word(spec.word("start", &Start::WORDS)?))
}

/// That of arXiv 2011.13456 for variance-exploding models. In many dimensions a fixed step of twice its
/// square is the same.
const SIGNAL_TO_NOISE: f64 = 0.16;

/// The solver of a specification, as `unipc:order=3,variant=bh1`, for a run of `steps` levels.
///
/// ```
/// use ridgewalk::solver;
///
/// let heun = solver::named("heun:churn=40", 18)?;
/// assert_eq!(heun.order(), solver::Order::Law(2));
/// assert!(solver::named("heum", 18).is_err());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the name or a setting is not known, or a setting has a value of no meaning.
pub fn named(text: &str, steps: usize) -> Result<Box<dyn Solver>> {
    named_for(text, steps, 1.0)
}

/// [`named`] for data of this standard deviation: tolerances are parts of it, and variances of unit data are
/// scaled.
///
/// # Errors
/// As [`named`].
pub fn named_for(text: &str, steps: usize, data: f64) -> Result<Box<dyn Solver>> {
    let plain = plain(text);
    let spec = Spec::parse("solver", &plain)?;
    let found = SOLVERS.iter().find(|entry| entry.name == spec.name());
    let entry = found.ok_or_else(|| spec.unknown(SOLVERS.iter().map(|entry| entry.name)))?;
    let solver = (entry.build)(&spec, &Ask { steps, data })?;
    spec.done()?;
    Ok(solver)
}

/// A specification with its name as it is listed: `DPM++ 2M`, `dpmpp_2m` and `dpm++2m` are one.
fn plain(text: &str) -> String {
    let (name, settings) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let joined = |name: &str| name.to_lowercase().replace("dpmpp", "dpm++").replace(['_', ' ', '-'], "");
    let known = SOLVERS.iter().find(|entry| joined(entry.name) == joined(name));
    let name = known.map_or(name, |entry| entry.name);
    settings.map_or(name.into(), |settings| format!("{name}:{settings}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As other tools spell them.
    #[test]
    fn names_are_known_as_others_spell_them() {
        for (theirs, ours) in
            [("dpmpp_2m", "dpm++2m"), ("DPM++ 2M", "dpm++2m"), ("UniPC:order=3", "unipc:order=3")]
        {
            assert_eq!(named(theirs, 9).unwrap().name(), named(ours, 9).unwrap().name());
        }
        assert!(named("Heunn", 9).is_err());
    }

    /// The settings that an entry lists are those that it takes, with these defaults.
    #[test]
    fn listed_settings_are_the_defaults() {
        for entry in SOLVERS {
            let plain = named(entry.name, 20).unwrap();
            let spelled = named(&format!("{}:{}", entry.name, entry.settings), 20).unwrap();
            assert_eq!(plain.name(), spelled.name());
            assert_eq!(plain.order(), spelled.order());
            // A name from a record asks for the same solver again.
            assert_eq!(named(&plain.name(), 20).unwrap().name(), plain.name());
            assert!(named(&format!("{}:nonsense=1", entry.name), 20).is_err(), "{}", entry.name);
        }
    }
}
