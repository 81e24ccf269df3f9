//! A film of the exact model's flow onto thirteen points, with its phases named.

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::geometry::{FollowRidge, Ridge, RidgeFilm};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::survey::Finding;
use ridgewalk::{Heun, Levels, Sampler};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::settings::{Settings, at_least, level, levels, percent, scale, time};
use crate::failure::Result;

/// Latest and earliest time of the run: at the last the samples are on the data to the eye.
const LATEST: f64 = 3.0;
const EARLIEST: f64 = 2e-3;

/// Adds the film, and the sentence that says when its phases begin.
pub fn run(settings: &Settings, part: &mut Part, model: &Empirical, data: ArrayView2<f64>) -> Result<()> {
    let n = settings.size(200, 80);
    let grid = levels(LATEST, EARLIEST, settings.size(240, 120));
    let mut stream = Stream::new(settings.seed(), Purpose::Start, 13, 0);
    let start = Array2::from_shape_simple_fn((n, 2), || stream.normal()) / scale(level(LATEST));
    let ridge = Ridge::new(model, 1)?;
    let mut follow = FollowRidge::new(&ridge);
    let sampler = Sampler::new(Heun::new(), Levels(grid)).seed(settings.seed());
    sampler.run_from(model, start.view(), &mut follow)?;
    let followed = follow.finish()?;
    let phases = followed.phases().run;
    let mut paths = Trajectories::starting_at(level(LATEST), start.clone());
    sampler.run_from(model, start.view(), &mut paths)?;
    let film = RidgeFilm::new(model, 1)?
        .frames(settings.size(40, 16))
        .samples(n)
        .phase(|sigma| phases.phase(sigma).name().into());
    let mut figure = film.draw("ridge-film", data, &paths)?;
    figure.title = "Thirteen points: the exact flow reaches the ridge and keeps to it".into();
    figure.caption +=
        " The exact denoiser's flow memorises: without an error all samples end on the thirteen points.";
    part.figure(figure);
    let begins = |sigma: Option<f64>| {
        sigma.map_or_else(|| "not at all".into(), |s| format!("from t = {}", format_number(time(s))))
    };
    let arrived = followed.levels.last().map_or(f64::NAN, |last| last.fraction_in_tube());
    part.finding(
        Finding::new(
            "ridge-film",
            format!(
                "The flow onto thirteen points: 95 % of the samples in the tube {}, mainly moving along the ridge {}; {} of \
                 them in the tube at the end.",
                begins(phases.reach),
                begins(phases.aligned),
                percent(arrived)
            ),
            arrived,
            n,
        )
        .setting("reach", phases.reach.map_or(f64::NAN, time))
        .expect(at_least(0.95, "at least 95 % in the tube: the exact flow keeps its distance in noise levels")),
    );
    Ok(())
}
