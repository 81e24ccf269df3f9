//! How large a reproduction is: the full one, or the small one that tests run.

use ridgewalk::metrics::Bootstrap;

use crate::arguments::LogDomainSmoothing;

/// Bootstrap resamples behind every interval.
const RESAMPLES: usize = 1000;
const RESAMPLES_SMALL: usize = 200;

pub struct Settings<'a> {
    pub paper: &'a LogDomainSmoothing,
    pub bootstrap: Bootstrap,
}

impl<'a> Settings<'a> {
    pub fn new(paper: &'a LogDomainSmoothing) -> Self {
        let resamples = if paper.small { RESAMPLES_SMALL } else { RESAMPLES };
        Settings { paper, bootstrap: Bootstrap::new(resamples, paper.seed) }
    }

    pub fn seed(&self) -> u64 {
        self.paper.seed
    }

    /// One of two sizes.
    pub fn size<T>(&self, full: T, small: T) -> T {
        if self.paper.small { small } else { full }
    }
}
